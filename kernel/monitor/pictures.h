// The picture that others show too (kernel/monitor/tour.h).
#pragma once

#include <string_view>

#include "kernel/booted.h"

namespace kernel {

// Memory as a picture, on the open screen, with `line` said on it. False, and nothing is drawn,
// when that is too small.
bool draw_map(const Booted& machine, std::string_view line);

}  // namespace kernel
