// Stress: all CPUs allocate, fill, check, hand on and free blocks at the same time, and now and
// then all of them stand while one looks whether everything is where it should be.
#pragma once

#include <cstdint>

#include "kernel/booted.h"
#include "loader/handoff/self_test.h"

namespace kernel {

inline constexpr const char* kStressTest = "mm.cpus.stress";

struct StressPlan {
  uint64_t operations = 0;    // allocations and frees that came about, of all CPUs together
  uint64_t microseconds = 0;  // at most so long; 0: as long as it takes
};

// Where there is little memory, or many CPUs, less is held at a time. Progress is told in the log
// every ten seconds. Afterwards everything has been given back, or the verdict says what is
// missing.
[[nodiscard]] loader::Verdict stress_allocator(Booted& machine, const StressPlan& plan);

}  // namespace kernel
