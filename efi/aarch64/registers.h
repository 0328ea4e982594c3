// System registers of the exception level the firmware runs at, EL1 or EL2 (Arm ARM, section D19).
#pragma once

#include <cstdint>

namespace efi::aarch64 {

[[nodiscard]] inline bool at_el2() {
  uint64_t level;
  asm("mrs %0, CurrentEL" : "=r"(level));
  return level == 2 << 2;
}

#define EFI_READ(name)                            \
  [] {                                            \
    uint64_t value;                               \
    asm volatile("mrs %0, " #name : "=r"(value)); \
    return value;                                 \
  }()

[[nodiscard]] inline uint64_t read_ttbr0() {
  return at_el2() ? EFI_READ(ttbr0_el2) : EFI_READ(ttbr0_el1);
}
[[nodiscard]] inline uint64_t read_tcr() {
  return at_el2() ? EFI_READ(tcr_el2) : EFI_READ(tcr_el1);
}
[[nodiscard]] inline uint64_t read_vbar() {
  return at_el2() ? EFI_READ(vbar_el2) : EFI_READ(vbar_el1);
}
[[nodiscard]] inline uint64_t physical_size() { return EFI_READ(id_aa64mmfr0_el1) & 0xf; }

// How many bits addresses in the firmware's tables have, and how many levels these.
[[nodiscard]] inline unsigned address_bits() { return 64 - static_cast<unsigned>(read_tcr() & 63); }
[[nodiscard]] inline unsigned levels() { return (address_bits() - 12 + 8) / 9; }

}  // namespace efi::aarch64
