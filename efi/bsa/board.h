// What efi/bsa/ has to know of the CPU, defined in efi/<arch>/cpu.cpp.
#pragma once

#include <cstdint>

#include "loader/acpi/fadt.h"

namespace efi {

// The rate of read_counter(); 0: nobody has told it.
[[nodiscard]] uint64_t counter_hertz();
// By hvc or smc; returns where the firmware has none, or did not do it.
void call_psci(loader::Psci by, uint32_t function);

}  // namespace efi
