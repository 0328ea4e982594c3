// What happens when the CPU stops in the middle (ARM ARM DDI 0406C, section B1.8).
#pragma once

#include <cstdint>

namespace kernel::arm {

// As entry.S leaves it on the stack.
struct Registers {
  uint32_t r[13];
  uint32_t sp, lr;
  uint32_t frame[4];  // for backtraces: the interrupted function's (frame_inline.h)
  uint32_t zero;
  uint32_t pc, cpsr;  // where the CPU is to go on
};
static_assert(sizeof(Registers) == 22 * sizeof(uint32_t));

// By their vectors.
enum class Kind : uint32_t {
  Undefined = 1,
  SupervisorCall = 2,
  PrefetchAbort = 3,
  DataAbort = 4,
  Irq = 6,
  Fiq = 7
};

}  // namespace kernel::arm
