// The time, and the rate of the time-stamp counter that keeps it.
#pragma once

#include <cstdint>

namespace kernel::x86 {

// The time begins. The counter's rate is what the CPU says (CPUID leaf 0x15, with 0x16 where it
// leaves the crystal out), what the hypervisor says (leaf 0x40000010, in kHz), or what the PIT
// counts (kernel/x86/pit.h), which keeps the time as long as it does. Without any of these 1 GHz
// is assumed, and told as that.
void start_clock();
// Waits until the time is the counter's alone: one CPU at a time may look at the PIT, so before
// others are started.
void settle_clock();

// Microseconds of no certain origin, for bounds on waiting: before the time begins the counter is
// taken to run at 1 GHz.
[[nodiscard]] uint64_t waiting_clock();

}  // namespace kernel::x86
