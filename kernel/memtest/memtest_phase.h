// The memory test on this machine, as a phase of the self-tests.
#pragma once

#include "kernel/booted.h"
#include "kernel/memtest/memtest.h"
#include "kernel/selftest/selftest.h"
#include "mm/print.h"

namespace kernel {

// Sets up for the patterns that follow; what is found and how far it has come is told in the log. A
// test overnight has all its passes here.
void start_memtest(Booted& machine, const MemtestOptions& options);
// Runs pattern number `index` of kMemoryPatterns; overnight, what it came to in all the passes.
Verdict run_memtest(size_t index, Booted& machine);
// Sums up; where there are bad pages, closes the ledger again.
void finish_memtest(Booted& machine);

}  // namespace kernel
