// Of the seam (kernel/arch.h) what is inlined: what every allocation does.
#pragma once

#include <cstdint>

namespace kernel::arch {

// What %gs points to on every CPU; the rest of it is kernel/x86_64/cpu_local.h's.
struct LocalHead {
  LocalHead* self = nullptr;
  uint32_t number = 0;
};

inline unsigned this_cpu() {
  unsigned number;
  // Not volatile: who runs on a CPU stays there.
  asm("movl %%gs:%c1, %0" : "=r"(number) : "i"(__builtin_offsetof(LocalHead, number)));
  return number;
}

inline bool mask_interrupts() {
  constexpr uint64_t kInterruptFlag = 1u << 9;
  uint64_t flags;
  asm volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
  return (flags & kInterruptFlag) != 0;
}

inline void restore_interrupts(bool on) {
  if (on) asm volatile("sti" : : : "memory");
}

inline void relax() { __builtin_ia32_pause(); }

}  // namespace kernel::arch
