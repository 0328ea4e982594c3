// What kernel/bsa/ has to know of the CPU's registers: counter, timer, and the GIC's where it is in
// registers (ARM ARM DDI 0406C, chapter B8; IHI 0069, section 12.7).
#pragma once

#include <cstdint>

#include "kernel/arch.h"
#include "kernel/arm/cpu.h"
#include "loader/acpi/madt.h"
#include "mm/arm/space.h"

namespace kernel::bsa {

// Ordered: not before what stands above it, so that spans of it measure what they enclose.
inline uint64_t counter() {
  uint64_t count;
  asm volatile("isb\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(count) : : "memory");  // CNTVCT
  return count;
}

// MPIDR's affinity fields, as the firmware's tables name the CPU (loader::packed_mpidr()).
[[nodiscard]] inline uint32_t own_id() {
  return loader::packed_mpidr(KERNEL_READ_CP15(0, c0, c0, 5) & 0xff'ffff);
}

// Interrupts off and stopped for good.
[[noreturn]] inline void halt() {
  asm volatile("cpsid aif" : : : "memory");
  for (;;) asm volatile("wfi");
}

// There is nothing to be turned on.
inline void protect_supervisor() {}
// This CPU's registers of Advanced SIMD, where it has such, can be used: by the memory test alone.
inline void open_vectors() { (void)arm::open_vectors(); }

// As the firmware has told it; 0: it has not.
[[nodiscard]] inline uint64_t counter_hertz() { return KERNEL_READ_CP15(0, c14, c0, 0); }
// The virtual timer interrupts when the counter comes there.
inline void set_timer_at(uint64_t count) {
  asm volatile("mcrr p15, 3, %Q0, %R0, c14" : : "r"(count) : "memory");  // CNTV_CVAL
  KERNEL_WRITE_CP15(0, c14, c3, 1, 1);                                   // CNTV_CTL
  arm::isb();
}
// Neither that nor the physical one.
inline void stop_timers() {
  KERNEL_WRITE_CP15(0, c14, c3, 1, 0);
  KERNEL_WRITE_CP15(0, c14, c2, 1, 0);
  arm::isb();
}

// What says which CPU runs this, and where exceptions put their first words (entry.S).
[[nodiscard]] inline arch::LocalHead* own_head() {
  arch::LocalHead* head;
  asm("mrc p15, 0, %0, c13, c0, 4" : "=r"(head));
  return head;
}
extern "C" void set_entry_words(arch::LocalHead::Entry* entries);
inline void set_own_head(arch::LocalHead* head) {
  KERNEL_WRITE_CP15(0, c13, c0, 4, reinterpret_cast<uintptr_t>(head));
  set_entry_words(head->entries.data());
}
// Where other CPUs have their own, and how many can.
inline constexpr uint64_t kAreaBase = mm::arm::kAreas.start;
inline constexpr unsigned kMostAreas = 28;  // whose pages in fixmap 2.6.34's has room for
static_assert(kMostAreas * uint64_t{0x2'0000} <= mm::arm::kAreas.size());

// The kmap window, and the page of vectors.
void open_windows();

// Aborts that are not precise are taken from here on.
inline void let_errors() { asm volatile("cpsie a" : : : "memory"); }

// --- The CPU's interface to a GICv3 ---
[[nodiscard]] inline bool has_gic_registers() {
  return (KERNEL_READ_CP15(0, c0, c1, 1) >> 28 & 0xf) != 0;  // ID_PFR1.GIC
}
// With what priorities are let through.
inline void open_gic_registers(uint32_t priorities) {
  KERNEL_WRITE_CP15(0, c12, c12, 5, KERNEL_READ_CP15(0, c12, c12, 5) | 1);  // ICC_SRE
  arm::isb();
  KERNEL_WRITE_CP15(0, c4, c6, 0, priorities);  // ICC_PMR
  KERNEL_WRITE_CP15(0, c12, c12, 3, 0);         // ICC_BPR1
  KERNEL_WRITE_CP15(0, c12, c12, 4, 0);         // ICC_CTLR: an end is an end
  KERNEL_WRITE_CP15(0, c12, c12, 7, 1);         // ICC_IGRPEN1
  arm::isb();
}
inline void send_by_register(uint64_t what) {
  asm volatile("mcrr p15, 0, %Q0, %R0, c12\n\tisb" : : "r"(what) : "memory");  // ICC_SGI1R
}
[[nodiscard]] inline uint32_t acknowledge_by_register() {
  const uint32_t taken = KERNEL_READ_CP15(0, c12, c12, 0);  // ICC_IAR1
  arm::dsb();
  return taken;
}
inline void end_by_register(uint32_t taken) {
  KERNEL_WRITE_CP15(0, c12, c12, 1, taken);  // ICC_EOIR1
  arm::isb();
}

}  // namespace kernel::bsa
