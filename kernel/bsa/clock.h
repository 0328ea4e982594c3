// The time: the generic timer's virtual counter, and what it interrupts by (Arm ARM, chapter D11).
#pragma once

#include <cstdint>

namespace kernel::bsa {

// The time begins.
void start_clock();
// Microseconds of no certain origin, for bounds on waiting.
[[nodiscard]] uint64_t waiting_clock();
// This CPU's timer interrupts once, after so many microseconds; or no more.
void set_timer(uint64_t microseconds);
void stop_timer();

}  // namespace kernel::bsa
