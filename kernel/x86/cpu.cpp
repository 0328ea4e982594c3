#include "kernel/x86/cpu.h"

#include <algorithm>
#include <cstring>

#include "kernel/arch.h"
#include "start_tables.h"

namespace kernel::x86 {
namespace {

struct Cr4Bit {
  const char* name;
  unsigned bit;  // of CR4
  bool there;
};

// CPUID leaf 7.
std::array<Cr4Bit, 3> supervisor_bits() {
  const CpuidLeaf leaf = cpuid(0).eax >= 7 ? cpuid(7) : CpuidLeaf{};
  return {Cr4Bit{"SMEP", 20, (leaf.ebx >> 7 & 1) != 0},
          Cr4Bit{"SMAP", 21, (leaf.ebx >> 20 & 1) != 0},
          Cr4Bit{"UMIP", 11, (leaf.ecx >> 2 & 1) != 0}};
}

constexpr uint32_t kMsrUserCet = 0x6a0, kMsrSupervisorCet = 0x6a2;

bool has_cet() {
  const CpuidLeaf leaf = cpuid(0).eax >= 7 ? cpuid(7) : CpuidLeaf{};
  return (leaf.ecx >> 7 & 1) != 0 || (leaf.edx >> 20 & 1) != 0;
}
bool cet_is_off() {
  return (read_cr4() & kCr4Cet) == 0 && rdmsr(kMsrUserCet) == 0 && rdmsr(kMsrSupervisorCet) == 0;
}

bool has_nx() {
  return cpuid(0x80000000).eax >= 0x80000001 && (cpuid(0x80000001).edx >> 20 & 1) != 0;
}

void put(char* to, uint32_t four_bytes) { std::memcpy(to, &four_bytes, sizeof four_bytes); }

}  // namespace

bool has_pat() {
  static constinit int there = -1;  // every CPU says the same, and each page's entry asks
  if (there < 0) there = (cpuid(1).edx >> 16 & 1) != 0 ? 1 : 0;
  return there != 0;
}

void protect_supervisor() {
  uint64_t cr4 = read_cr4();
  for (const Cr4Bit& b : supervisor_bits()) {
    if (b.there) cr4 |= uint64_t{1} << b.bit;
  }
  write_cr4(cr4);
  leave_cet();
}

void leave_cet() {
  if (!has_cet()) return;
  write_cr4(read_cr4() & ~kCr4Cet);
  wrmsr(kMsrSupervisorCet, 0);
  wrmsr(kMsrUserCet, 0);
}

CpuFacts cpu_facts() {
  CpuFacts cpu;
  const CpuidLeaf basic = cpuid(0);
  cpu.max_leaf = basic.eax;
  put(&cpu.vendor[0], basic.ebx);
  put(&cpu.vendor[4], basic.edx);
  put(&cpu.vendor[8], basic.ecx);

  const CpuidLeaf one = cpuid(1);
  cpu.stepping = one.eax & 0xf;
  cpu.model = (one.eax >> 4) & 0xf;
  cpu.family = (one.eax >> 8) & 0xf;
  // The extended model counts for families 6 and 15 and up, the extended family for 15 only.
  if (cpu.family == 6 || cpu.family == 15) cpu.model |= (one.eax >> 12) & 0xf0;
  if (cpu.family == 15) cpu.family += (one.eax >> 20) & 0xff;
  cpu.x2apic = (one.ecx >> 21 & 1) != 0;
  if ((one.ecx >> 31 & 1) != 0) {
    const CpuidLeaf hypervisor = cpuid(0x40000000);
    cpu.max_hypervisor_leaf = hypervisor.eax;
    put(&cpu.hypervisor[0], hypervisor.ebx);
    put(&cpu.hypervisor[4], hypervisor.ecx);
    put(&cpu.hypervisor[8], hypervisor.edx);
  }
  if (cpu.max_leaf >= 7) cpu.la57 = (cpuid(7).ecx >> 16 & 1) != 0;

  const uint32_t max_extended = cpuid(0x80000000).eax;
  if (max_extended >= 0x80000001) {
    const CpuidLeaf extended = cpuid(0x80000001);
    cpu.nx = (extended.edx >> 20 & 1) != 0;
    cpu.pages_1g = (extended.edx >> 26 & 1) != 0;
  }
  if (max_extended >= 0x80000004) {
    for (size_t i = 0; i < 3; ++i) {
      const CpuidLeaf part = cpuid(0x80000002 + static_cast<uint32_t>(i));
      put(&cpu.brand[16 * i], part.eax);
      put(&cpu.brand[16 * i + 4], part.ebx);
      put(&cpu.brand[16 * i + 8], part.ecx);
      put(&cpu.brand[16 * i + 12], part.edx);
    }
  }
  if (max_extended >= 0x80000007) cpu.invariant_tsc = (cpuid(0x80000007).edx >> 8 & 1) != 0;
  if (max_extended >= 0x80000008) {
    const uint32_t sizes = cpuid(0x80000008).eax;
    cpu.physical_bits = sizes & 0xff;
    cpu.virtual_bits = sizes >> 8 & 0xff;
  }
  return cpu;
}

uint32_t own_apic_id() {
  if (cpuid(0).eax >= 0xb) {
    if (const CpuidLeaf topology = cpuid(0xb); (topology.ebx & 0xffff) != 0) return topology.edx;
  }
  return cpuid(1).ebx >> 24;
}

void print(const CpuFacts& cpu, const mm::Printer& out) {
  const char* brand = cpu.brand.data();
  while (*brand == ' ') ++brand;  // Intel pads it on the left
  out.line("CPU: {} ({} family {:#x}, model {:#x}, stepping {:#x}){}{}",
           *brand != '\0' ? brand : "no brand", cpu.vendor.data(), cpu.family, cpu.model,
           cpu.stepping, cpu.hypervisor[0] != '\0' ? " under " : "", cpu.hypervisor.data());
  out.line("CPU: {} physical and {} virtual address bits, {}-level paging, NX {}, 1 GiB pages {}",
           cpu.physical_bits, cpu.virtual_bits, levels_in_use(), cpu.nx ? "yes" : "no",
           cpu.pages_1g ? "yes" : "no");
}

}  // namespace kernel::x86

std::span<const kernel::arch::Protection> kernel::arch::protections() {
  static constinit std::array<Protection, 6> all{};
  const auto bits = x86::supervisor_bits();
  for (size_t i = 0; i < bits.size(); ++i) {
    all[i] = {bits[i].name, bits[i].there, (x86::read_cr4() >> bits[i].bit & 1) != 0};
  }
  // Page tables without PAE have no bit for NX.
  const bool nx = x86::has_nx() && x86::has_wide_entries();
  all[3] = {"WP", true, (x86::read_cr0() & x86::kCr0Wp) != 0};
  all[4] = {"NX", nx, nx && (x86::read_efer() & x86::kEferNxe) != 0};
  all[5] = {"CET kept off", x86::has_cet(), x86::has_cet() && x86::cet_is_off()};
  return all;
}
