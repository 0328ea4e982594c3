// The local APIC of the CPU that runs this, as xAPIC or x2APIC, whichever the firmware left on.
#pragma once

#include <cstdint>

#include "kernel/x86/apic_commands.h"
#include "mm/direct_map.h"
#include "mm/result.h"

namespace kernel::x86 {

// Vectors that have a meaning; all others are counted and answered.
inline constexpr uint8_t kTimerVector = 0xef, kCallVector = 0xfb, kSpuriousVector = 0xff;

// The boot CPU's, first: finds the APIC's mode and registers. From here on the rest may be called.
// With `wide`, ids above 254 are wanted: x2APIC is switched on where the CPU has it. Fails where
// there is no APIC or its registers are not mapped.
mm::Result<> open_local_apic(const mm::DirectMap& map, bool wide);
[[nodiscard]] bool has_local_apic();
// Whether commands reach a CPU with this id.
[[nodiscard]] bool apic_reaches(uint32_t id);

// Of each CPU: on, and its own sources of interrupts masked.
void enable_local_apic();
[[nodiscard]] uint32_t local_apic_id();
void end_of_interrupt();
// False: the command before was not delivered within a millisecond.
bool send_command(uint32_t id, Delivery delivery, uint8_t vector);
// This CPU, as soon as interrupts are on. May be called in the middle of a command.
void interrupt_self(uint8_t vector);

// The timer interrupts once, after so many microseconds; without a rate nothing is set. Its rate is
// found by the kernel's clock between begin_timer() and measure_timer() on the same CPU, which waits
// for what 2 ms lack: before other CPUs are started, or before the timer is first set.
void begin_timer();
void measure_timer();
[[nodiscard]] bool set_timer(uint64_t microseconds);

}  // namespace kernel::x86
