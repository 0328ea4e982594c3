// The firmware's memory map, and leaving the firmware with it (UEFI 2.10 sections 7.2 and 7.4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "efi/firmware.h"
#include "efi/memory.h"
#include "loader/efi_memory_map.h"
#include "mm/result.h"

namespace efi {

// A map and the buffer it lies in. The buffer is allocated once, larger than the map was then, and
// fetched into again and again: allocating another would change what is to be fetched.
class MemoryMap {
 public:
  // Descriptors the map may grow by. Each allocation splits one at most into three, and firmware
  // events add some of their own.
  static constexpr size_t kSlack = 64;

  [[nodiscard]] loader::EfiMemoryMap view() const {
    return {{buffer_.as<std::byte>(), size_}, stride_};
  }
  [[nodiscard]] mm::Range buffer() const { return buffer_.range(); }
  [[nodiscard]] std::span<std::byte> room() const { return buffer_.span<std::byte>(); }
  // As many descriptors as the buffer holds.
  [[nodiscard]] size_t capacity() const {
    return stride_ == 0 ? 0 : static_cast<size_t>(buffer_.size() / stride_);
  }
  [[nodiscard]] UINTN key() const { return key_; }
  [[nodiscard]] uint32_t version() const { return version_; }

  // GetMemoryMap into the buffer; a map that claims to be larger than it is too large for it.
  // Neither allocates nor prints.
  EFI_STATUS fetch(const Firmware& firmware);

 private:
  friend mm::Result<MemoryMap> get_memory_map(const Firmware& firmware);

  Pages buffer_;
  UINTN size_ = 0;    // bytes of the map
  UINTN stride_ = 0;  // from one descriptor to the next, the firmware's choice
  UINTN key_ = 0;     // names this state of the map
  UINT32 version_ = 0;
};

// Finds out the map's size, allocates a buffer with slack, and fetches the map as it is then. A
// firmware that does not tell the size is asked with buffers of twice the size each, up to 64 MiB.
mm::Result<MemoryMap> get_memory_map(const Firmware& firmware);

// Where memory begins, by the firmware's map as it is now: loader::first_ram(). 0 also where it cannot be
// fetched, which get_memory_map() tells.
[[nodiscard]] mm::Phys find_first_ram(const Firmware& firmware);

// What leaving came to. Until `attempted` the firmware is whole, and an error can go back to it;
// from the first call of ExitBootServices on, failed or not, it may have shut down any part of
// itself but the memory services, so nothing else of it is called.
struct Farewell {
  bool attempted = false;
  bool left = false;                // boot services are gone, and the map is final
  unsigned tries = 0;               // calls of ExitBootServices
  EFI_STATUS status = EFI_SUCCESS;  // of the last call that failed
  const char* failed_call = nullptr;
};

inline constexpr unsigned kExitTries = 16;

// GetMemoryMap and ExitBootServices, again when the map's key was stale, with nothing between.
Farewell exit_boot_services(const Firmware& firmware, MemoryMap& map);

}  // namespace efi
