// Intel SDM vol. 2A CPUID, vol. 3A chapters 2 to 4.
#include "efi/arch.h"
#include "efi/x86/cpuid.h"

namespace efi {
namespace {

constexpr uint64_t kCr4La57 = uint64_t{1} << 12;
constexpr uint64_t kAddressBits = 0x000f'ffff'ffff'f000;
constexpr uint32_t kApicBase = 0x1b;  // IA32_APIC_BASE

uint64_t read_msr(uint32_t number) {
  uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
  return low | uint64_t{high} << 32;
}

struct __attribute__((packed)) DescriptorTable {
  uint16_t limit;
  uint64_t base;
};

mm::Range range_of(const DescriptorTable& table) {
  const mm::Phys start{table.base};  // the firmware's addresses are physical
  return {start, start + table.limit + 1};
}

unsigned paging_levels() {
  uint64_t cr4;
  asm volatile("mov %%cr4, %0" : "=r"(cr4));
  return (cr4 & kCr4La57) != 0 ? 5 : 4;
}

}  // namespace

Cpu examine_cpu(const Firmware& /*firmware*/) {
  Cpu cpu;
  cpu.paging.levels = paging_levels();
  const CpuidLeaf extended = cpuid(0x8000'0000).a >= 0x8000'0001 ? cpuid(0x8000'0001) : CpuidLeaf{};
  cpu.paging.nx = (extended.d & 1u << 20) != 0;
  cpu.paging.gigabyte_pages = (extended.d & 1u << 26) != 0;

  constexpr unsigned kLeastBits = 36;  // of a CPU that cannot tell
  cpu.paging.physical_bits =
      cpuid(0x8000'0000).a >= 0x8000'0008 ? cpuid(0x8000'0008).a & 0xff : kLeastBits;

  const CpuidLeaf basic = cpuid(1);
  cpu.id = basic.b >> 24;
  // Leaf 0xb has all 32 bits of it, where there is such a leaf.
  if (cpuid(0).a >= 0xb) {
    const CpuidLeaf topology = cpuid(0xb);
    if (topology.b != 0) cpu.id = topology.d;
  }
  const mm::Phys apic{(basic.d & 1u << 9) != 0 ? read_msr(kApicBase) & kAddressBits : 0};
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
  uint64_t cr3;
  asm volatile("mov %%cr3, %0" : "=r"(cr3));
  state.page_tables = {.root = mm::Phys{cr3 & kAddressBits}, .levels = paging_levels()};
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
