// The registers that must say the same on every CPU, for memory to be the same there.
#pragma once

#include <cstdint>

#include "mm/x86_64/mtrr.h"

namespace kernel::x86 {

struct ControlState {
  uint64_t cr0 = 0, cr4 = 0, efer = 0;
  uint64_t pat = 0;        // 0: the CPU has none
  uint64_t microcode = 0;  // its revision; 0 where it is not told
  mm::Mtrrs mtrrs;
};

// Of the CPU that runs this.
[[nodiscard]] ControlState read_control();
// Makes this CPU's like those (the boot CPU's), where they are not. MTRRs are changed as Intel SDM
// vol. 3A section 12.11.7.2 says, with caches off; what differs although the CPU has it is
// otherwise written as it stands. Microcode is only compared.
void apply_control(const ControlState& wanted);

}  // namespace kernel::x86
