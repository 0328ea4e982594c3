// What happens when the CPU stops in the middle (Intel SDM vol. 3A, chapter 6).
#pragma once

#include <cstdint>

namespace kernel::x86 {

// As entry.S leaves it on the stack: what the stub saved, then what the CPU pushed.
struct Registers {
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  uint64_t vector, error;
  uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(Registers) == 22 * sizeof(uint64_t));

[[nodiscard]] inline uint64_t flags_of(const Registers& r) { return r.rflags; }
// Elsewhere than where it stopped, on that stack.
inline void go_on(Registers& r, uint64_t at, uint64_t stack) {
  r.rip = at;
  r.rsp = stack;
}

// What a CPU took and continued from.
struct ExceptionCounts {
  uint64_t nmi = 0, breakpoints = 0, probes = 0;
  uint64_t unexpected = 0;  // interrupts that nobody here asked for
};

}  // namespace kernel::x86
