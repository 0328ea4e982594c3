// What the CPU says about itself, and its registers (Arm ARM, section D19.2).
#pragma once

#include <cstdint>

#include "mm/print.h"

namespace kernel::aarch64 {

#define KERNEL_READ(name)                         \
  [] {                                            \
    uint64_t value;                               \
    asm volatile("mrs %0, " #name : "=r"(value)); \
    return value;                                 \
  }()
#define KERNEL_WRITE(name, value) \
  asm volatile("msr " #name ", %0" : : "r"(static_cast<uint64_t>(value)) : "memory")

inline void isb() { asm volatile("isb" : : : "memory"); }

// Ordered: not before what stands above it, so that spans of it measure what they enclose.
inline uint64_t counter() {
  isb();
  return KERNEL_READ(cntvct_el0);
}

// MPIDR's affinity fields, as the firmware's tables name the CPU (loader::packed_mpidr()).
[[nodiscard]] uint32_t own_id();
[[nodiscard]] unsigned physical_bits();
// What lies in caches of a range is in memory afterwards, and in no cache.
void clean_and_forget(uint64_t virt, uint64_t bytes);
// Turns on what arch::protections() names, where the CPU has it. Nothing here is mapped for user
// mode, so the kernel never reads such a page.
void protect_supervisor();
void print_facts(const mm::Printer& out);

// Interrupts off and stopped for good.
[[noreturn]] inline void halt() {
  asm volatile("msr daifset, #0xf" : : : "memory");
  for (;;) asm volatile("wfi");
}

}  // namespace kernel::aarch64
