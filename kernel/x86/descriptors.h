// GDT, TSS and IDT (Intel SDM vol. 3A, chapters 3, 6 and 8). Each CPU has its own, but for the IDT.
#pragma once

#include <cstdint>

namespace kernel::x86 {

inline constexpr uint16_t kCodeSelector = 0x08;
inline constexpr uint16_t kDataSelector = 0x10;
inline constexpr uint16_t kTssSelector = 0x18;

// Fills the table that all CPUs share; the boot CPU does it, once.
void make_idt();
// Loads them on this CPU, which is number `cpu` from here on. Exceptions arrive in
// handle_exception(); NMI, double fault, machine check and page fault on stacks of their own.
void load_descriptors(unsigned cpu);

}  // namespace kernel::x86
