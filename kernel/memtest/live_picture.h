// The picture of memory on the screen while a memory test runs: what has been tested, where it is,
// what is bad. Where there is no screen, or one too small, nothing happens.
#pragma once

#include <string_view>

#include "kernel/booted.h"
#include "kernel/memtest/memtest.h"
#include "mm/types.h"

namespace kernel {

// The console gives the screen away until end(); its text goes on elsewhere and comes back after.
// `machine` and `state` must live until then.
void begin_live_picture(const Booted& machine, MemtestState& state);
// For the line at the bottom: a test's id, say. It must live until the next.
void name_live_picture(std::string_view what);
// The test is at this range now. Draws only as often as an eye follows.
void move_live_picture(mm::Range now, MemtestProgress::Standing standing);
void end_live_picture();

}  // namespace kernel
