// PSCI: power, reset and other CPUs by calls of the firmware below us (Arm DEN 0022).
#pragma once

#include <cstdint>

#include "loader/acpi/fadt.h"

namespace kernel::bsa {

// By which instruction it is called.
void use_psci(loader::Psci conduit);
[[nodiscard]] bool has_psci();

// Starts the CPU at a physical address with the MMU off; its first register is `context` there. What the firmware
// says of it: 0 when it will.
[[nodiscard]] int64_t start_cpu(uint64_t mpidr, uint64_t entry, uint64_t context);
// Return only where the firmware did not do it.
void system_off();
void system_reset();

}  // namespace kernel::bsa
