// A picture of physical memory for a terminal: a line a zone, a column a part of it.
#pragma once

#include "mm/print.h"
#include "mm/relay.h"

namespace mm {

// One line for each zone that has RAM, with its first and last byte, and a bar of `columns` marks:
// `#` RAM that is all free, `+` RAM in part reserved, `R` RAM all reserved, `-` part hole,
// `.` no RAM at all. Below it each reservation by name, with where it lies.
void print_text_picture(const RelayCore& relay, unsigned columns, const Printer& out);

}  // namespace mm
