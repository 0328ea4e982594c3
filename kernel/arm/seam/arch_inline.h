// Of the seam (kernel/arch.h) what is inlined: what every allocation does.
#pragma once

#include <array>
#include <cstdint>

namespace kernel::arch {

// What TPIDRPRW points to on every CPU; the rest of it is kernel/bsa/cpu_local.h's.
struct LocalHead {
  uint32_t number = 0;
  uint32_t held = 0;           // how often calls are held back (hold_calls())
  uint32_t due = 0;            // not 0: an interrupt came meanwhile
  uint32_t emergency_end = 0;  // of the stack for when that of exceptions is at its end
  // For each mode in which an exception begins some words: r0, where it stopped, its CPSR, r1, r7.
  // Supervisor calls have the first ones.
  struct Entry {
    std::array<uint32_t, 8> words;
  };
  std::array<Entry, 5> entries{};
};
// entry.S knows these.
static_assert(__builtin_offsetof(LocalHead, emergency_end) == 12);
static_assert(__builtin_offsetof(LocalHead, entries) == 16);

inline volatile LocalHead& local_head() {
  volatile LocalHead* head;
  asm("mrc p15, 0, %0, c13, c0, 4" : "=r"(head));
  return *head;
}

inline unsigned this_cpu() {
  const LocalHead* head;
  // Not volatile: who runs on a CPU stays there.
  asm("mrc p15, 0, %0, c13, c0, 4" : "=r"(head));
  return head->number;
}

inline bool mask_interrupts() {
  constexpr uint32_t kMasked = 1u << 7;
  uint32_t cpsr;
  asm volatile("mrs %0, cpsr\n\tcpsid i" : "=r"(cpsr) : : "memory");
  return (cpsr & kMasked) == 0;
}

inline void restore_interrupts(bool on) {
  if (on) asm volatile("cpsie i" : : : "memory");
}

// Interrupts stay on: one that comes while calls are held says that it is due and leaves, and whoever
// lets them takes it by a call that keeps all registers (entry.S). What interrupts leaves the count as
// it found it, so that the count needs no more than to be loaded and stored.
inline void hold_calls() {
  volatile LocalHead& head = local_head();
  head.held = head.held + 1;
  asm volatile("" : : : "memory");
}
inline void let_calls() {
  asm volatile("" : : : "memory");
  volatile LocalHead& head = local_head();
  const uint32_t held = head.held - 1;
  head.held = held;
  if (held == 0 && head.due != 0) asm volatile("bl let_due_calls" : : : "memory", "lr", "cc");
}

// Exclusive pairs, so that also what interrupts this CPU may add: before it returns it clears the
// monitor (entry.S).
template <class T>
inline void add_own(T& own, T n) {
  __atomic_fetch_add(&own, n, __ATOMIC_RELAXED);
}
inline bool spend_own(int32_t& own, int32_t n) {
  return __atomic_sub_fetch(&own, n, __ATOMIC_RELAXED) < 0;
}

inline void relax() { asm volatile("yield" : : : "memory"); }

}  // namespace kernel::arch
