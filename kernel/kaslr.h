// What the loader left to chance (loader/handoff/handoff.h, HandoffKaslr).
#pragma once

#include "loader/handoff/handoff.h"
#include "mm/print.h"

namespace kernel {

// One line: where image and direct map are, how many bits of chance each is,
// and what that was made of.
// Linux's words first. Nothing where it is not offered: to a kernel of 32 bits.
void print_kaslr(const loader::Handoff& handoff, const mm::Printer& out);

}  // namespace kernel
