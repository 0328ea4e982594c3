// Of the seam (kernel/arch.h) what is inlined: what every allocation does.
#pragma once

#include <cstdint>

namespace kernel::arch {

// Where %fs begins on every CPU; the rest of it is cpu_local.h's.
struct LocalHead {
  // No call is held back. Below that bit: how often calls are held (hold_calls()).
  static constexpr uint32_t kNoneDue = uint32_t{1} << 31;

  LocalHead* self = nullptr;
  uint32_t number = 0;
  uint32_t held = kNoneDue;
};

inline unsigned this_cpu() {
  unsigned number;
  // Not volatile: who runs on a CPU stays there.
  asm("movl %%fs:%c1, %0" : "=r"(number) : "i"(__builtin_offsetof(LocalHead, number)));
  return number;
}

inline bool mask_interrupts() {
  constexpr uint32_t kInterruptFlag = 1u << 9;
  uint32_t flags;
  asm volatile("pushfl\n\tpopl %0\n\tcli" : "=r"(flags) : : "memory");
  return (flags & kInterruptFlag) != 0;
}

inline void restore_interrupts(bool on) {
  if (on) asm volatile("sti" : : : "memory");
}

// Interrupts stay on: one that comes while calls are held clears kNoneDue and leaves. So the word
// is zero when they are let and one is due, which an interrupt of our own making then takes: to the
// compiler nothing is called here, and no register has to be kept.
inline constexpr unsigned kDueVector = 0xfc;
inline void hold_calls() {
  asm volatile("incl %%fs:%c0" : : "i"(__builtin_offsetof(LocalHead, held)) : "memory", "cc");
}
inline void let_calls() {
  asm volatile("decl %%fs:%c0\n\tjnz 1f\n\tint %1\n1:"
               :
               : "i"(__builtin_offsetof(LocalHead, held)), "i"(kDueVector)
               : "memory", "cc");
}

// Nothing comes in between, so that also what interrupts this CPU may add.
inline void add_own(int32_t& own, int32_t n) { asm("addl %1, %0" : "+m"(own) : "ri"(n) : "cc"); }
inline void add_own(uint64_t& own, uint64_t n) {
  const bool on = mask_interrupts();
  own += n;
  restore_interrupts(on);
}

inline bool spend_own(int32_t& own, int32_t n) {
  bool spent;
  asm("subl %2, %0" : "+m"(own), "=@ccs"(spent) : "ri"(n));
  return spent;
}

inline void relax() { __builtin_ia32_pause(); }

}  // namespace kernel::arch
