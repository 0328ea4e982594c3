// The page allocator for those who ask seldom: the calls as such, not put into each of their callers.
#pragma once

#include "kernel/booted.h"

namespace kernel {

// 2^order frames of node 0's zonelist, and back.
mm::PagesOr take_frames(Booted& machine, mm::Gfp gfp, unsigned order);
mm::Result<> give_frames(Booted& machine, mm::Pfn frame, unsigned order);

}  // namespace kernel
