// IA-32's registers (Intel SDM vol. 3A chapter 2).
#pragma once

#include <cstdint>

#include "efi/x86/cpuid.h"
#include "loader/arch.h"

namespace efi::ia32 {

inline constexpr uint32_t kCr0Paging = 1u << 31, kCr0WriteProtect = 1u << 16;
inline constexpr uint32_t kCr4Pse = 1u << 4, kCr4Pae = 1u << 5;
inline constexpr uint32_t kEfer = 0xc000'0080, kEferNoExecute = 1u << 11;

inline uint64_t read_msr(uint32_t number) {
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
  return low | uint64_t{high} << 32;
}

inline uint32_t read_cr0() {
  uint32_t value;
  asm volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}
inline uint32_t read_cr3() {
  uint32_t value;
  asm volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}
inline uint32_t read_cr4() {
  uint32_t value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}

// The firmware's, which may have paging off, or on in either form.
inline loader::LiveTables live_tables() {
  if ((read_cr0() & kCr0Paging) == 0) return {.root = {}, .levels = 0, .root_entries = 0};
  if ((read_cr4() & kCr4Pae) != 0) {
    return {.root = mm::Phys{read_cr3() & ~uint32_t{31}}, .levels = 3, .root_entries = 4};
  }
  return {.root = mm::Phys{read_cr3() & ~uint32_t{4095}}, .levels = 2, .root_entries = 1024};
}

}  // namespace efi::ia32
