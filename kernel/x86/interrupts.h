// Interrupts that are no exceptions.
#pragma once

#include <cstdint>

namespace kernel::x86 {

void handle_interrupt(uint64_t vector);
// In an NMI: does not return when another CPU panics (arch::stop_other_cpus()).
bool stop_if_asked();

}  // namespace kernel::x86
