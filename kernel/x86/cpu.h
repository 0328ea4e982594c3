// What the CPU says about itself, and its registers.
#pragma once

#include <array>
#include <cstdint>

#include "mm/print.h"

namespace kernel::x86 {

struct CpuidLeaf {
  uint32_t eax, ebx, ecx, edx;
};

inline CpuidLeaf cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuidLeaf l{};
  asm volatile("cpuid"
               : "=a"(l.eax), "=b"(l.ebx), "=c"(l.ecx), "=d"(l.edx)
               : "a"(leaf), "c"(subleaf));
  return l;
}

// Ordered: not before what stands above it, so that spans of it measure what they enclose.
inline uint64_t rdtsc() {
  uint32_t low, high;
  asm volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
  return uint64_t{high} << 32 | low;
}

inline uint64_t rdmsr(uint32_t msr) {
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return uint64_t{high} << 32 | low;
}

inline void wrmsr(uint32_t msr, uint64_t value) {
  asm volatile("wrmsr"
               :
               : "c"(msr), "a"(static_cast<uint32_t>(value)),
                 "d"(static_cast<uint32_t>(value >> 32))
               : "memory");
}

// 0 where the CPU has no such register.
[[nodiscard]] uint64_t read_efer();

// Whether there is a page attribute table (kMsrPat).
[[nodiscard]] bool has_pat();

// False where the CPU, or whoever plays it, does not know the register.
[[nodiscard]] bool probe_rdmsr(uint32_t msr, uint64_t& value);

inline uint64_t read_cr0() {
  uintptr_t v;
  asm volatile("mov %%cr0, %0" : "=r"(v));
  return v;
}
inline uint64_t read_cr2() {
  uintptr_t v;
  asm volatile("mov %%cr2, %0" : "=r"(v));
  return v;
}
inline uint64_t read_cr3() {
  uintptr_t v;
  asm volatile("mov %%cr3, %0" : "=r"(v));
  return v;
}
inline uint64_t read_cr4() {
  uintptr_t v;
  asm volatile("mov %%cr4, %0" : "=r"(v));
  return v;
}
inline void write_cr0(uint64_t v) {
  asm volatile("mov %0, %%cr0" : : "r"(static_cast<uintptr_t>(v)) : "memory");
}
inline void write_cr4(uint64_t v) {
  asm volatile("mov %0, %%cr4" : : "r"(static_cast<uintptr_t>(v)) : "memory");
}
inline void write_cr3(uint64_t v) {
  asm volatile("mov %0, %%cr3" : : "r"(static_cast<uintptr_t>(v)) : "memory");
}

inline constexpr uint32_t kMsrEfer = 0xc0000080;
inline constexpr uint32_t kMsrGsBase = 0xc0000101;
inline constexpr uint32_t kMsrApicBase = 0x1b;
inline constexpr uint64_t kApicBaseX2apic = 1u << 10;
inline constexpr uint32_t kMsrPat = 0x277;
inline constexpr uint64_t kEferNxe = 1u << 11;
inline constexpr uint64_t kCr0Wp = 1u << 16;
inline constexpr uint64_t kCr4Pse = 1u << 4;
inline constexpr uint64_t kCr4Pae = 1u << 5;
inline constexpr uint64_t kCr4Pge = 1u << 7;
inline constexpr uint64_t kCr4La57 = 1u << 12;
inline constexpr uint64_t kCr4Cet = 1u << 23;

// Whether page tables have entries of 8 bytes: IA-32 may have others.
inline bool has_wide_entries() { return (read_cr4() & kCr4Pae) != 0; }

// Facts of the CPU that runs this (Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E).
struct CpuFacts {
  std::array<char, 13> vendor{};
  std::array<char, 49> brand{};       // empty: the CPU does not say
  std::array<char, 13> hypervisor{};  // empty: none
  uint32_t family = 0, model = 0, stepping = 0;
  uint32_t physical_bits = 36, virtual_bits = 48;
  uint32_t max_leaf = 0, max_hypervisor_leaf = 0;
  bool nx = false, pages_1g = false, la57 = false, x2apic = false, invariant_tsc = false;
};

[[nodiscard]] CpuFacts cpu_facts();
// The APIC id of the CPU that runs this, whole where CPUID tells it so. Start code asks the same
// (trampoline.S).
[[nodiscard]] uint32_t own_apic_id();
// Turns on what arch::protections() names, where the CPU has it (Intel SDM vol. 3A, sections 2.5
// and 4.6). Nothing here is mapped for user mode, so the kernel never runs or reads such a page.
void protect_supervisor();
// Shadow stacks and indirect branch tracking (Intel SDM vol. 1, chapter 17), which a firmware may have
// used, are off: nothing here is built for them.
void leave_cet();
void print(const CpuFacts& cpu, const mm::Printer& out);

// Interrupts off and stopped for good.
[[noreturn]] inline void halt() {
  for (;;) asm volatile("cli\n\thlt");
}

}  // namespace kernel::x86
