// QEMU, recognised before it is asked for anything.
#pragma once

#include <cstdint>

#include "loader/handoff/handoff.h"

namespace kernel::bsa {

// By who made the ACPI tables; they must be mapped.
void look_for_qemu(const loader::Handoff& handoff);
// Ends QEMU with this exit status, by semihosting; returns when this is not QEMU, or it has no
// semihosting: then the instruction that asks for it is undefined, which is found out.
void qemu_exit(uint8_t status);

}  // namespace kernel::bsa
