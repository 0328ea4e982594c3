// Where lowmem ends, by the form of the page tables.
#pragma once

#include "kernel/x86/cpu.h"
#include "loader/handoff/handoff.h"

namespace kernel::arch {
[[nodiscard]] inline uint64_t end_of_low() {
  return x86::has_wide_entries() ? loader::kNarrowLowmem : loader::kNarrowLowmemPlain;
}
}  // namespace kernel::arch
