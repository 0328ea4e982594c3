// All that the Arm platforms take away from the usable memory: what no page tables of theirs, or what
// no address of the CPU's, leads to.
#pragma once

#include "mm/platform.h"

namespace mm {

// RAM from TrimFacts::reach on, as `unreachable`, with Linux's line for what a PC removes; nothing
// where there is none.
[[nodiscard]] Result<Trims> trim_unreachable(E820Table& e820, const TrimFacts& facts,
                                             const Printer& out);

}  // namespace mm
