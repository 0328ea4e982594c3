// Arm's Generic Interrupt Controller: version 2 (IHI 0048), whose CPUs have their interfaces in
// memory, or 3 and 4 (IHI 0069), whose CPUs have them in registers.
#pragma once

#include <cstdint>

#include "kernel/smp/cpu.h"
#include "loader/acpi/gic.h"
#include "mm/direct_map.h"
#include "mm/result.h"

namespace kernel::bsa {

// What CPUs send each other (SGIs); from the last on an interrupt's number means something else.
inline constexpr uint32_t kCallInterrupt = 0, kStopInterrupt = 1, kFirstSpecialInterrupt = 1020;

// The boot CPU's, first: masks what devices send; `parts` stay, with what they point to. Fails where there
// is none, or its registers are not mapped.
mm::Result<> open_gic(const loader::Gic& parts, const mm::DirectMap& map);
[[nodiscard]] bool has_gic();
// Of each CPU: it takes those two, and the interrupt of its own (a PPI) that is named. False where it
// has no part of the GIC that could be found.
[[nodiscard]] bool enable_gic(uint32_t own);
void send_interrupt(const Cpu& cpu, uint32_t interrupt);
// What is to be handled, as end_interrupt() wants it back.
[[nodiscard]] uint32_t acknowledge_interrupt();
[[nodiscard]] uint32_t interrupt_of(uint32_t taken);
void end_interrupt(uint32_t taken);
// "GICv2", "GICv3".
[[nodiscard]] const char* gic_name();

}  // namespace kernel::bsa
