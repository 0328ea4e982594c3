#include <array>
#include <cstdint>

#include "efi/arch.h"
#include "efi/arm/registers.h"
#include "efi/first_serial.h"
#include "efi/last_words.h"

extern "C" {
// exception_vectors.S; they run on this stack.
// NOLINTBEGIN(readability-identifier-naming)
[[gnu::visibility("hidden")]] extern const char exception_vectors[];
[[gnu::visibility("hidden")]] alignas(16) constinit std::array<uint8_t, 16384> exception_stack{};
// NOLINTEND(readability-identifier-naming)
// Called by it.
[[noreturn]] void report_exception(uint32_t vector, uint32_t status, uint32_t instruction,
                                   uint32_t address);
}

namespace efi {
namespace {

// What a handler without arguments must find. There is one CPU.
struct Live {
  const Firmware* firmware = nullptr;
  const loader::HandoffFramebuffer* framebuffer = nullptr;
  bool reporting = false;
};
constinit Live live;

constexpr uint32_t kPrefetchAbort = 3, kDataAbort = 4;

const char* name_of(uint32_t vector) {
  constexpr const char* kNames[] = {"reset",
                                    "undefined instruction",
                                    "supervisor call",
                                    "prefetch abort",
                                    "data abort",
                                    "CPU exception",
                                    "IRQ",
                                    "FIQ"};
  return kNames[vector & 7];
}

}  // namespace

void take_over_descriptors(const Firmware& firmware,
                           const loader::HandoffFramebuffer& framebuffer) {
  live.firmware = &firmware;
  live.framebuffer = &framebuffer;
  EFI_WRITE_CP15(0, c12, c0, 0, reinterpret_cast<uintptr_t>(exception_vectors));  // VBAR
  EFI_WRITE_CP15(0, c1, c0, 0,
                 arm::read_sctlr() & ~(arm::kSctlrHighVectors | arm::kSctlrThumbExceptions));
  asm volatile("isb" : : : "memory");
}

}  // namespace efi

void report_exception(uint32_t vector, uint32_t status, uint32_t instruction, uint32_t address) {
  using efi::last_words, efi::live;
  const char* const name = efi::name_of(vector);
  // A second one comes from the first one's report, or from the firmware it asked for a reset.
  if (live.reporting) {
    efi::FirstSerial serial;
    serial.say("\nbaton: another while telling of it: ");
    serial.say(name);
    serial.say("\n");
    serial.drain();
    efi::reset_hard();
  }
  live.reporting = true;
  if (vector == efi::kPrefetchAbort || vector == efi::kDataAbort) {
    last_words(*live.firmware, *live.framebuffer,
               {"CPU exception before the kernel took over (instruction {:#x}, address {:#x})",
                name, instruction, address});
  }
  last_words(*live.firmware, *live.framebuffer,
             {"CPU exception before the kernel took over (instruction {:#x}, status {:#x})", name,
              instruction, status});
}
