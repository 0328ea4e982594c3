// This CPU's memory type range registers.
#pragma once

#include "mm/x86_64/mtrr.h"

namespace kernel::x86 {

[[nodiscard]] mm::Mtrrs read_mtrrs();
// With caches off and nothing cached (kernel/x86/control.cpp).
void write_mtrrs(const mm::Mtrrs& mtrrs);

}  // namespace kernel::x86
