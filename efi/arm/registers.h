// ARM's system registers, of coprocessor 15 (ARM ARM DDI 0406C, section B3.17 and B4.1).
#pragma once

#include <cstdint>

#include "loader/arch.h"

namespace efi::arm {

#define EFI_READ_CP15(op1, crn, crm, op2)                                           \
  [] {                                                                              \
    uint32_t value;                                                                 \
    asm volatile("mrc p15, " #op1 ", %0, " #crn ", " #crm ", " #op2 : "=r"(value)); \
    return value;                                                                   \
  }()
#define EFI_WRITE_CP15(op1, crn, crm, op2, value)                 \
  asm volatile("mcr p15, " #op1 ", %0, " #crn ", " #crm ", " #op2 \
               :                                                  \
               : "r"(static_cast<uint32_t>(value))                \
               : "memory")

inline uint32_t read_sctlr() { return EFI_READ_CP15(0, c1, c0, 0); }
inline uint32_t read_ttbr0() { return EFI_READ_CP15(0, c2, c0, 0); }
inline uint32_t read_ttbcr() { return EFI_READ_CP15(0, c2, c0, 2); }
inline uint32_t read_dacr() { return EFI_READ_CP15(0, c3, c0, 0); }

inline constexpr uint32_t kSctlrMmu = 1, kSctlrHighVectors = 1u << 13,
                          kSctlrThumbExceptions = 1u << 30;
inline constexpr uint32_t kTtbcrLong = 1u << 31;  // EAE

// The firmware's, which may have the MMU off, or on with short descriptors (two levels), or with long
// ones (three), which lead to 2 GiB at least. What TTBR1 serves, if anything, is no memory.
inline loader::LiveTables live_tables() {
  if ((read_sctlr() & kSctlrMmu) == 0) return {.root = {}, .levels = 0, .root_entries = 0};
  const uint32_t smaller = read_ttbcr() & 7;  // N, T0SZ: addresses are less by so many bits
  if ((read_ttbcr() & kTtbcrLong) != 0) {
    uint64_t root;
    asm volatile("mrrc p15, 0, %Q0, %R0, c2" : "=r"(root));
    return {.root = mm::Phys{root & 0xff'ffff'ffe0}, .levels = 3, .root_entries = 4u >> smaller};
  }
  const uint32_t address = ~((uint32_t{1} << (14 - smaller)) - 1);
  return {.root = mm::Phys{read_ttbr0() & address}, .levels = 2, .root_entries = 4096u >> smaller};
}

}  // namespace efi::arm
