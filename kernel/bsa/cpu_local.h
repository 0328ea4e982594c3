// What each CPU has to itself: its stacks, and the page that says which it is.
//
// Code and exceptions have a stack pointer each (AArch64's SP_EL0 and SP_EL1; ARM's of Supervisor and of
// System mode): so an overflow of the first arrives on the second. That one's overflow is found by one bit of its address, and goes to a third. The boot CPU's lie in the
// kernel's image. The others' are mapped in a window of their own, an area of 128 KiB each, with
// memory of their node; below each stack lies a page that is not mapped:
//     guard, stack | guard, exceptions | guard, emergency | guard, local page
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "bsa_registers.h"
#include "kernel/arch.h"
#include "kernel/backtrace.h"
#include "mm/types.h"

namespace kernel::bsa {

struct Local : arch::LocalHead {
  uint32_t gic_target = 0;  // of a GICv2: the bit for this CPU
  uint64_t unexpected = 0;  // interrupts that nobody here asked for
  uint64_t probes = 0;      // faults that were looked for
};
static_assert(sizeof(Local) <= mm::kPageSize);

// Of the CPU that runs this.
[[nodiscard]] inline Local& local() { return *static_cast<Local*>(own_head()); }

enum StackKind : uint8_t { kMain, kExceptions, kEmergency, kStackKinds };

// A CPU's stack of a kind; the CPU's area must have been made.
[[nodiscard]] Stack stack_of(unsigned cpu, StackKind kind);
[[nodiscard]] Local& local_of(unsigned cpu);
// This CPU is number `cpu` from here on.
void load_local(unsigned cpu);
// CPUs with an area: 0 to this - 1.
[[nodiscard]] unsigned areas();
// Makes the next CPU's area of frames of the node. On failure nothing is left behind.
mm::Result<> make_area(unsigned cpu, mm::NodeId node, const arch::Frames& frames);
// The stack whose guard page has the address.
[[nodiscard]] std::optional<Stack> stack_guarded_by(uint64_t address);

// The window of areas is at kAreaBase (bsa_registers.h) and has room for kMostAreas; start code knows it
// too (entry.S).
inline constexpr uint64_t kAreaSize = 0x2'0000;

}  // namespace kernel::bsa
