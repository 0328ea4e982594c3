// What happens when the CPU stops in the middle (Intel SDM vol. 3A, chapter 6).
#pragma once

#include <cstdint>

namespace kernel::x86 {

// As entry.S leaves it on the stack: what the stub saved, then what the CPU pushed. The stack went on
// behind that: no privilege was changed.
struct Registers {
  uint32_t resume;  // 0, or the stack that holds eip, cs and eflags to go on with
  uint32_t edi, esi, ebp, esp_of_pusha, ebx, edx, ecx, eax;
  uint32_t vector, error;
  uint32_t eip, cs, eflags;
};
static_assert(sizeof(Registers) == 14 * sizeof(uint32_t));

[[nodiscard]] inline uint32_t flags_of(const Registers& r) { return r.eflags; }
// Elsewhere than where it stopped, on that stack.
inline void go_on(Registers& r, uintptr_t at, uintptr_t stack) {
  auto* const frame = reinterpret_cast<uint32_t*>(stack) - 3;  // NOLINT: below what is kept there
  frame[0] = at;
  frame[1] = r.cs;
  frame[2] = r.eflags;
  r.resume = reinterpret_cast<uintptr_t>(frame);
}

// What a CPU took and continued from.
struct ExceptionCounts {
  uint64_t nmi = 0, breakpoints = 0, probes = 0;
  uint64_t unexpected = 0;  // interrupts that nobody here asked for
};

}  // namespace kernel::x86
