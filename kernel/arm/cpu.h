// What the CPU says about itself, and its registers (ARM ARM DDI 0406C, sections B3.17 and B4.1).
#pragma once

#include <cstdint>

#include "mm/print.h"

namespace kernel::arm {

#define KERNEL_READ_CP15(op1, crn, crm, op2)                                        \
  [] {                                                                              \
    uint32_t value;                                                                 \
    asm volatile("mrc p15, " #op1 ", %0, " #crn ", " #crm ", " #op2 : "=r"(value)); \
    return value;                                                                   \
  }()
#define KERNEL_WRITE_CP15(op1, crn, crm, op2, value)              \
  asm volatile("mcr p15, " #op1 ", %0, " #crn ", " #crm ", " #op2 \
               :                                                  \
               : "r"(static_cast<uint32_t>(value))                \
               : "memory")

inline void isb() { asm volatile("isb" : : : "memory"); }
inline void dsb() { asm volatile("dsb" : : : "memory"); }

inline uint32_t read_sctlr() { return KERNEL_READ_CP15(0, c1, c0, 0); }
inline void write_sctlr(uint32_t value) {
  KERNEL_WRITE_CP15(0, c1, c0, 0, value);
  isb();
}
inline uint32_t read_ttbr0() { return KERNEL_READ_CP15(0, c2, c0, 0); }
inline uint32_t read_dacr() { return KERNEL_READ_CP15(0, c3, c0, 0); }

// Whether there can be other CPUs beside this: only then are there instructions that reach their
// translations too (MPIDR, bits 31 and 30).
[[nodiscard]] inline bool is_one_of_many() { return KERNEL_READ_CP15(0, c0, c0, 5) >> 30 == 2; }

// What translations of a page, or of all, were remembered is not any more, on any CPU.
inline void forget_page(uint32_t virt) {
  dsb();
  if (is_one_of_many()) {
    KERNEL_WRITE_CP15(0, c8, c3, 3, virt & ~uint32_t{0xfff});  // TLBIMVAAIS
  } else {
    KERNEL_WRITE_CP15(0, c8, c7, 3, virt & ~uint32_t{0xfff});  // TLBIMVAA
  }
  dsb();
  isb();
}
inline void forget_all_pages() {
  dsb();
  if (is_one_of_many()) {
    KERNEL_WRITE_CP15(0, c8, c3, 0, 0);  // TLBIALLIS
    KERNEL_WRITE_CP15(0, c7, c1, 6, 0);  // BPIALLIS
  } else {
    KERNEL_WRITE_CP15(0, c8, c7, 0, 0);  // TLBIALL
    KERNEL_WRITE_CP15(0, c7, c5, 6, 0);  // BPIALL
  }
  dsb();
  isb();
}
// An entry of page tables was written: a walk that follows sees it, also one that does not look into
// data caches (ID_MMFR3's coherent walk).
inline void publish_entry(const void* entry) {
  KERNEL_WRITE_CP15(0, c7, c11, 1, reinterpret_cast<uintptr_t>(entry));  // DCCMVAU
  dsb();
  isb();
}

// What lies in caches of a range is in memory afterwards, and in no cache.
void clean_and_forget(uint64_t virt, uint64_t bytes);
// Of the CPU that runs this: registers of Advanced SIMD can be used. False: it has none, or may not.
bool open_vectors();
void print_facts(const mm::Printer& out);

}  // namespace kernel::arm
