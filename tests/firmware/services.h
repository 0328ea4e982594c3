// What the parts of the pretended firmware know of each other.
#pragma once

#include <efi.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "tests/firmware/pretend.h"

namespace pretend {

// Memory of the machine: one range, in pages that have types.
inline constexpr uint64_t kRam = 0x1000'0000, kRamPages = 0x3000, kPage = 4096;
inline constexpr uint64_t kRamEnd = kRam + kRamPages * kPage;
// What is taken of it from the beginning on, a page each but the image.
inline constexpr uint64_t kImage = kRam, kImagePages = 16;
inline constexpr uint64_t kTables = kImage + kImagePages * kPage;
inline constexpr uint64_t kStack = kTables + 64 * kPage, kStackPages = 64;

struct Machine {
  const Plan& plan;
  Outcome& outcome;
  bool left = false;   // boot services have ended
  bool ended = false;  // whatever is given back now does not matter
  uint64_t counter = 0;

  // Counts a call; whether it is the one that fails.
  bool fails(const char* service, bool allocates = false);
  void fault(const std::string& what) { outcome.faults.push_back(what); }
};
extern Machine* machine;  // that runs

// --- Memory ---
void reset_memory();
[[nodiscard]] unsigned pages_taken();
[[nodiscard]] unsigned pools_taken();
EFI_STATUS EFIAPI allocate_pages(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN pages,
                                 EFI_PHYSICAL_ADDRESS* memory);
EFI_STATUS EFIAPI free_pages(EFI_PHYSICAL_ADDRESS memory, UINTN pages);
EFI_STATUS EFIAPI get_memory_map(UINTN* size, EFI_MEMORY_DESCRIPTOR* map, UINTN* key, UINTN* stride,
                                 UINT32* version);
EFI_STATUS EFIAPI allocate_pool(EFI_MEMORY_TYPE type, UINTN size, void** memory);
EFI_STATUS EFIAPI free_pool(void* memory);
EFI_STATUS EFIAPI exit_boot_services(EFI_HANDLE image, UINTN key);

// --- Files ---
void reset_files();
[[nodiscard]] unsigned files_open();
extern EFI_FILE_IO_INTERFACE volume;

// --- The CPU: how the application ends ---
struct Jumped {};
struct Reset {};

}  // namespace pretend

// The application's.
extern "C" EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE* system);
