// What stays of a run when the machine is off: a summary of the log, in a UEFI variable, from which
// the next start of Baton makes files on the ESP (loader/report.h).
#pragma once

#include <string_view>

#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

// A summary of the log as it is now; valid until the next call. The console keeps only the end of
// the log: who writes more than it holds asks now and then, and what mattered stays.
std::string_view summary_of_log();

// Leaves the summary in the variable, unless the same stands there already (flash wears), and says
// in one line what it did, or why it could not.
void leave_report(const Booted& machine, const mm::Printer& out);

}  // namespace kernel
