// The page in which other CPUs begin (trampoline.S), as numbers.
#pragma once

#include <cstdint>

namespace kernel::x86 {

// What trampoline.S ends with.
struct __attribute__((packed)) TrampolineFields {
  uint32_t gdt;  // offset in the page; with the page's address added, where it is
  uint32_t far;  // likewise: where long mode begins
  uint16_t selector, zero;
  uint32_t root;  // page tables, below 4 GiB
  uint32_t cr4, efer, cr0;
};
static_assert(sizeof(TrampolineFields) == 28);

}  // namespace kernel::x86
