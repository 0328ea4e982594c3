// The rate of the time-stamp counter.
#pragma once

#include <cstdint>

namespace kernel::x86 {

struct TscRate {
  uint64_t hertz = 0;  // never 0 when returned
  const char* source = nullptr;
};

// From what the CPU says (CPUID leaf 0x15, with 0x16 where it leaves the crystal out), what the
// hypervisor says (leaf 0x40000010, in kHz), or measured against the PIT's channel 2 for 10 ms.
// Without any of these it assumes 1 GHz, and says so as its source.
[[nodiscard]] TscRate find_tsc_rate();

// Microseconds of no certain origin, for bounds on waiting: as long as the counter's rate is not
// known, it is taken to run at 1 GHz.
[[nodiscard]] uint64_t waiting_clock();

}  // namespace kernel::x86
