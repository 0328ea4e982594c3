// What the CPU we run on can do, and what of it the firmware has put to use (Intel SDM vol. 2A
// CPUID, vol. 3A chapters 2 to 4).
#pragma once

#include <cstdint>

#include "loader/x86_64/page_tables.h"
#include "mm/types.h"

namespace efi {

struct Cpu {
  loader::PagingFeatures paging;  // levels as the firmware left them: CR4.LA57
  uint32_t apic_id = 0;
  mm::Phys local_apic;  // IA32_APIC_BASE; 0: there is none
};

[[nodiscard]] Cpu examine_cpu();

// What the firmware's CPU state points to, which is live until the kernel's own replaces it.
struct LiveState {
  mm::Range gdt, idt;
  mm::Phys page_tables;  // CR3
  mm::Phys stack;        // where the stack pointer is
};

[[nodiscard]] LiveState live_state();

[[nodiscard]] inline uint64_t read_tsc() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return low | uint64_t{high} << 32;
}

inline void disable_interrupts() { asm volatile("cli" : : : "memory"); }

inline void write_port(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

[[nodiscard]] inline uint8_t read_port(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

}  // namespace efi
