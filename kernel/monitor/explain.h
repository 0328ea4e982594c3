// What a physical address is, and who has it.
#pragma once

#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

// The firmware's type, the e820 type, reservation, node, zone, pageblock and block, a line each.
void explain(const Booted& machine, mm::Phys address, const mm::Printer& out);

}  // namespace kernel
