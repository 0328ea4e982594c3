// How far a run was, for the next start to tell where it did not come to its end
// (loader/handoff/run_record.h).
#pragma once

#include <cstdint>

#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

// Finds a page for it in free memory; without one only what began is kept. It is taken out of the
// allocator when tests begin: until then a panic may overwrite it.
void find_run_page(const Booted& machine);

// Tests of this name begin: the mark is written, and the page becomes the record's for good.
void begin_run(Booted& machine, const char* phase, const mm::Printer& out);
// They are here. Costs as much as copying the end of the log.
void note_run(const char* test, uint64_t percent, uint64_t errors);
// They have ended, whatever came out.
void end_run(const Booted& machine, const mm::Printer& out);

// For tests: as if there were no page.
void forget_run_page();

// In a panic, when all has been said.
void keep_last_words();

}  // namespace kernel
