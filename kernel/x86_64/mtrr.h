// This CPU's memory type range registers.
#pragma once

#include "mm/x86_64/mtrr.h"

namespace kernel::x86 {

[[nodiscard]] mm::Mtrrs read_mtrrs();

}  // namespace kernel::x86
