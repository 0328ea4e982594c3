// The page allocator for those who ask seldom: the calls as such, not put into each of their callers.
#pragma once

#include "kernel/arch.h"
#include "kernel/booted.h"

namespace kernel {

// 2^order frames, a node's first, and back; by the CPU that runs this.
mm::PagesOr take_frames(Booted& machine, mm::Gfp gfp, unsigned order, mm::NodeId node = 0);
mm::Freed give_frames(Booted& machine, mm::Pfn frame, unsigned order);

// Single ones, as the architecture asks for them. `machine` outlives it.
[[nodiscard]] arch::Frames frames_of(Booted& machine);

}  // namespace kernel
