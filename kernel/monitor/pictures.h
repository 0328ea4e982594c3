// Pictures that others show too (kernel/monitor/tour.h).
#pragma once

#include <string_view>

#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

// Memory as a picture, on the open screen, with `line` said on it. False, and nothing is drawn,
// when that is too small.
bool draw_map(const Booted& machine, std::string_view line);

// The summary as a QR code: drawn, with `line` said on the screen (whether there was one for it),
// or printed.
bool draw_qr_code(std::string_view line, const mm::Printer& out);
void print_qr_code(const mm::Printer& out);

}  // namespace kernel
