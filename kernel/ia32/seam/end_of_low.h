// Where lowmem ends.
#pragma once

#include "loader/handoff/handoff.h"

namespace kernel::arch {
[[nodiscard]] constexpr uint64_t end_of_low() { return loader::kNarrowLowmem; }
}  // namespace kernel::arch
