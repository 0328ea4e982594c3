// What happens when the CPU stops in the middle (Arm ARM, section D1.3).
#pragma once

#include <cstdint>

namespace kernel::aarch64 {

// As entry.S leaves it on the stack.
struct Registers {
  uint64_t x[31];
  uint64_t sp, elr, spsr, esr, far;
  uint64_t frame[2];  // for backtraces: the interrupted function's
};
static_assert(sizeof(Registers) == 38 * sizeof(uint64_t));

enum class Kind : uint64_t { Synchronous, Irq, Fiq, SError, FromUser };  // and behind the last

}  // namespace kernel::aarch64
