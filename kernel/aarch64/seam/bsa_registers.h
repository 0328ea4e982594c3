// What kernel/bsa/ has to know of the CPU's registers: counter, timer, and the GIC's where it is in
// registers (Arm ARM, section D19.2; IHI 0069, section 12.2).
#pragma once

#include <cstdint>

#include "kernel/aarch64/cpu.h"
#include "kernel/arch.h"

namespace kernel::bsa {

using aarch64::counter;
using aarch64::halt;
using aarch64::own_id;
using aarch64::protect_supervisor;

// They are open (loader/handoff/aarch64/translation.h, kCpacr).
inline void open_vectors() {}

// As the firmware has told it; 0: it has not.
[[nodiscard]] inline uint64_t counter_hertz() { return KERNEL_READ(cntfrq_el0) & ~uint32_t{0}; }
// The virtual timer interrupts when the counter comes there.
inline void set_timer_at(uint64_t count) {
  KERNEL_WRITE(cntv_cval_el0, count);
  KERNEL_WRITE(cntv_ctl_el0, 1);
  aarch64::isb();
}
// Neither that nor the physical one.
inline void stop_timers() {
  KERNEL_WRITE(cntv_ctl_el0, 0);
  KERNEL_WRITE(cntp_ctl_el0, 0);
  aarch64::isb();
}

// What says which CPU runs this.
[[nodiscard]] inline arch::LocalHead* own_head() {
  arch::LocalHead* head;
  asm("mrs %0, tpidr_el1" : "=r"(head));
  return head;
}
inline void set_own_head(arch::LocalHead* head) {
  asm volatile("msr tpidr_el1, %0" : : "r"(head) : "memory");
}
// Where other CPUs have their own, and how many can.
inline constexpr uint64_t kAreaBase = 0xffff'ffff'c000'0000;
inline constexpr unsigned kMostAreas = 1u << 13;  // in the last GiB

// Addresses of its own that the kernel has besides: none.
inline void open_windows() {}

// Errors of the system (SError) are taken from here on.
inline void let_errors() { asm volatile("msr daifclr, #4" : : : "memory"); }

// --- The CPU's interface to a GICv3 ---
[[nodiscard]] inline bool has_gic_registers() {
  return (KERNEL_READ(id_aa64pfr0_el1) >> 24 & 0xf) != 0;
}
// With what priorities are let through.
inline void open_gic_registers(uint32_t priorities) {
  KERNEL_WRITE(S3_0_C12_C12_5, KERNEL_READ(S3_0_C12_C12_5) | 1);  // ICC_SRE_EL1
  aarch64::isb();
  KERNEL_WRITE(S3_0_C4_C6_0, priorities);  // ICC_PMR_EL1
  KERNEL_WRITE(S3_0_C12_C12_3, 0);         // ICC_BPR1_EL1
  KERNEL_WRITE(S3_0_C12_C12_4, 0);         // ICC_CTLR_EL1: an end is an end
  KERNEL_WRITE(S3_0_C12_C12_7, 1);         // ICC_IGRPEN1_EL1
  aarch64::isb();
}
inline void send_by_register(uint64_t what) {
  KERNEL_WRITE(S3_0_C12_C11_5, what);  // ICC_SGI1R_EL1
  aarch64::isb();
}
[[nodiscard]] inline uint32_t acknowledge_by_register() {
  const uint64_t taken = KERNEL_READ(S3_0_C12_C12_0);  // ICC_IAR1_EL1
  asm volatile("dsb sy" : : : "memory");
  return static_cast<uint32_t>(taken);
}
inline void end_by_register(uint32_t taken) {
  KERNEL_WRITE(S3_0_C12_C12_1, taken);  // ICC_EOIR1_EL1
  aarch64::isb();
}

}  // namespace kernel::bsa
