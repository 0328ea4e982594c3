// Pages that this run found bad, on their way to the ESP: in a UEFI variable, which the next start of
// Baton writes to \baton\badpages.txt (loader/bad_pages.h).
#pragma once

#include <cstddef>

#include "kernel/booted.h"
#include "mm/print.h"
#include "mm/types.h"

namespace kernel {

// So many runs of pages are noted; further ones are only counted.
inline constexpr size_t kMostNotedRuns = 1024;

// By whom: "memtest.moving-bytes", "machine check"; it stays where it is. Wherever a CPU is.
void note_bad_page(mm::Pfn pfn, const char* found_by);

// Leaves in the variable what has been noted and is not there yet, and says so in one line, or why it
// could not. Says and writes nothing where nothing is new: flash wears.
void leave_bad_pages(const Booted& machine, const mm::Printer& out);

// For tests: as if nothing had been noted.
void forget_bad_pages();

}  // namespace kernel
