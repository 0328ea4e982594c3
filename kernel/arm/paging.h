// Which of the two kernels' layouts is followed.
#pragma once

#include "mm/arm/paging.h"
#include "mm/types.h"

namespace kernel::arm {

[[nodiscard]] mm::arm::Age age();
// Where RAM begins, which the direct map begins with.
[[nodiscard]] mm::Phys phys_offset();

}  // namespace kernel::arm
