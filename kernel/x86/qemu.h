// QEMU, recognised before anything is written to a port that only QEMU has.
#pragma once

#include <cstdint>

namespace kernel::x86 {

// A hypervisor by CPUID whose fw_cfg device (ports 0x510 and 0x511) answers with its signature.
[[nodiscard]] bool is_qemu();

// Ends QEMU with this exit status, an odd number, through the isa-debug-exit device at 0xf4;
// returns when this is not QEMU or it has no such device.
void qemu_exit(uint8_t status);

}  // namespace kernel::x86
