// Intel SDM vol. 2A CPUID, vol. 3A chapters 2 to 4.
#include "efi/ia32/registers.h"

#include "efi/arch.h"

namespace efi {
namespace {

using namespace ia32;  // NOLINT: all of it is about those

constexpr uint64_t kAddressBits = 0x000f'ffff'ffff'f000;
constexpr uint32_t kApicBase = 0x1b;  // IA32_APIC_BASE

struct __attribute__((packed)) DescriptorTable {
  uint16_t limit;
  uint32_t base;
};

mm::Range range_of(const DescriptorTable& table) {
  const mm::Phys start{table.base};  // the firmware's addresses are physical
  return {start, start + table.limit + 1};
}

// The paging of a CPU that has 64 bits, too: AMD64's flags, Intel SDM vol. 2A, CPUID 8000'0001.
std::optional<loader::PagingFeatures> long_mode(loader::PagingFeatures paging) {
  constexpr uint32_t kLongMode = 1u << 29, kGigabytePages = 1u << 26;
  const uint32_t flags = cpuid(0x8000'0000).a >= 0x8000'0001 ? cpuid(0x8000'0001).d : 0;
  if ((flags & kLongMode) == 0) return std::nullopt;
  paging.levels = 4;
  paging.gigabyte_pages = (flags & kGigabytePages) != 0;
  return paging;
}

}  // namespace

Cpu examine_cpu(const Firmware& /*firmware*/) {
  constexpr uint32_t kPse = 1u << 3, kPae = 1u << 6, kApic = 1u << 9, kNx = 1u << 20;
  constexpr unsigned kLeastBits = 36, kPlainBits = 32;  // of a CPU that cannot tell
  Cpu cpu;
  const CpuidLeaf basic = cpuid(1);
  const uint32_t last = cpuid(0x8000'0000).a;
  const bool pae = (basic.d & kPae) != 0;
  cpu.paging.levels = pae ? 3 : 2;
  cpu.paging.nx = pae && last >= 0x8000'0001 && (cpuid(0x8000'0001).d & kNx) != 0;
  cpu.paging.gigabyte_pages = false;
  cpu.paging.large_pages = (basic.d & kPse) != 0;
  cpu.paging.physical_bits = pae ? kLeastBits : kPlainBits;
  if (pae && last >= 0x8000'0008) cpu.paging.physical_bits = cpuid(0x8000'0008).a & 0xff;

  cpu.id = basic.b >> 24;
  // Leaf 0xb has all 32 bits of it, where there is such a leaf.
  if (cpuid(0).a >= 0xb) {
    const CpuidLeaf topology = cpuid(0xb);
    if (topology.b != 0) cpu.id = topology.d;
  }
  cpu.wide = long_mode(cpu.paging);
  const mm::Phys apic{(basic.d & kApic) != 0 ? read_msr(kApicBase) & kAddressBits : 0};
  if (apic.v != 0) cpu.controller = {{apic, apic + mm::kPageSize}, "local APIC"};
  return cpu;
}

LiveState live_state() {
  LiveState state;
  DescriptorTable table;
  asm volatile("sgdt %0" : "=m"(table));
  state.tables[0] = {range_of(table), "FW GDT"};
  asm volatile("sidt %0" : "=m"(table));
  state.tables[1] = {range_of(table), "FW IDT"};
  state.page_tables = live_tables();
  state.stack = mm::Phys{reinterpret_cast<uintptr_t>(__builtin_frame_address(0))};
  return state;
}

uint64_t read_counter() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return low | uint64_t{high} << 32;
}

void disable_interrupts() { asm volatile("cli" : : : "memory"); }

}  // namespace efi
