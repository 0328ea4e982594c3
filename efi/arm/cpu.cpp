// ARM ARM DDI 0406C, chapters B3, B4 and B8.
#include "efi/arch.h"
#include "efi/arm/registers.h"
#include "efi/bsa/board.h"
#include "efi/memory_map.h"
#include "loader/acpi/madt.h"

namespace efi {
namespace {

using namespace arm;  // NOLINT: all of it is about those

bool in_hyp_mode() {
  constexpr uint32_t kMode = 0x1f, kHyp = 0x1a;
  uint32_t cpsr;
  asm volatile("mrs %0, cpsr" : "=r"(cpsr));
  return (cpsr & kMode) == kHyp;
}

constexpr uint32_t kVectorsSize = 32, kHighVectors = 0xffff'0000;

}  // namespace

Cpu examine_cpu(const Firmware& firmware) {
  Cpu cpu;
  // Short descriptors, whatever the firmware has; of Hyp mode, which has none, nobody here is
  // (PageTables::check() refuses that).
  cpu.paging.levels = in_hyp_mode() ? 0 : 2;
  cpu.paging.first_ram = find_first_ram(firmware);
  cpu.paging.nx = true;
  cpu.paging.gigabyte_pages = false;
  cpu.paging.physical_bits = 32;
  cpu.id = loader::packed_mpidr(EFI_READ_CP15(0, c0, c0, 5) & 0xff'ffff);
  return cpu;
}

LiveState live_state() {
  LiveState state;
  const bool high = (read_sctlr() & kSctlrHighVectors) != 0;
  const mm::Phys vectors{high ? kHighVectors : EFI_READ_CP15(0, c12, c0, 0)};  // VBAR
  state.tables[0] = {{vectors, vectors + kVectorsSize}, "FW VECTORS"};
  state.page_tables = live_tables();
  state.stack = mm::Phys{reinterpret_cast<uintptr_t>(__builtin_frame_address(0))};
  return state;
}

uint64_t read_counter() {
  uint64_t count;
  asm volatile("isb\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(count) : : "memory");  // CNTVCT
  return count;
}

uint64_t counter_hertz() { return EFI_READ_CP15(0, c14, c0, 0); }  // CNTFRQ

// As instructions' words: the assembler wants to be told of each extension.
void call_psci(loader::Psci by, uint32_t function) {
  register uint32_t number asm("r0") = function;
  if (by == loader::Psci::Smc)
    asm volatile(".inst 0xe1600070" : "+r"(number) : : "r1", "r2", "r3", "memory");
  if (by == loader::Psci::Hvc)
    asm volatile(".inst 0xe1400070" : "+r"(number) : : "r1", "r2", "r3", "memory");
}

void ask_cpu(loader::RandomPool& /*pool*/) {}  // ARMv7's have none

void disable_interrupts() { asm volatile("cpsid aif" : : : "memory"); }

}  // namespace efi
