#include <array>
#include <cstdint>

#include "efi/aarch64/registers.h"
#include "efi/arch.h"
#include "efi/first_serial.h"
#include "efi/last_words.h"

extern "C" {
// exception_vectors.S; they run on this stack.
[[gnu::visibility(
    "hidden")]] extern const char exception_vectors[];  // NOLINT(readability-identifier-naming)
[[gnu::visibility("hidden")]] alignas(16) constinit std::array<
    uint8_t, 16384> exception_stack{};  // NOLINT(readability-identifier-naming)
// Called by it.
[[noreturn]] void report_exception(uint64_t vector, uint64_t syndrome, uint64_t instruction,
                                   uint64_t address);
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

// By ESR_ELx's exception class (Arm ARM, section D19.2.37).
const char* name_of(uint64_t vector, uint64_t syndrome) {
  constexpr const char* kKinds[] = {nullptr, "IRQ", "FIQ", "SError"};
  if (vector % 4 != 0) return kKinds[vector % 4];
  switch (syndrome >> 26 & 63) {
    case 0x00:
      return "undefined instruction";
    case 0x21:
      return "instruction abort";
    case 0x22:
      return "PC alignment fault";
    case 0x25:
      return "data abort";
    case 0x26:
      return "SP alignment fault";
    default:
      return "CPU exception";
  }
}

bool has_address(uint64_t vector, uint64_t syndrome) {
  const uint64_t type = syndrome >> 26 & 63;
  return vector % 4 == 0 && (type == 0x21 || type == 0x22 || type == 0x25);
}

}  // namespace

void take_over_descriptors(const Firmware& firmware,
                           const loader::HandoffFramebuffer& framebuffer) {
  live.firmware = &firmware;
  live.framebuffer = &framebuffer;
  // EL1's also where the firmware runs at EL2: the kernel is entered there.
  if (aarch64::at_el2()) asm volatile("msr vbar_el2, %0" : : "r"(exception_vectors) : "memory");
  asm volatile("msr vbar_el1, %0\n\tisb" : : "r"(exception_vectors) : "memory");
}

}  // namespace efi

void report_exception(uint64_t vector, uint64_t syndrome, uint64_t instruction, uint64_t address) {
  using efi::last_words, efi::live;
  const char* const name = efi::name_of(vector, syndrome);
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
  if (efi::has_address(vector, syndrome)) {
    last_words(*live.firmware, *live.framebuffer,
               {"CPU exception before the kernel took over (instruction {:#x}, address {:#x})",
                name, instruction, address});
  }
  last_words(*live.firmware, *live.framebuffer,
             {"CPU exception before the kernel took over (instruction {:#x}, syndrome {:#x})", name,
              instruction, syndrome});
}
