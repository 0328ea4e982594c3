// Arm ARM, sections D8.2 (translation) and D19.2 (registers).
#include "efi/aarch64/registers.h"
#include "efi/arch.h"
#include "efi/bsa/board.h"
#include "loader/acpi/madt.h"

namespace efi {
namespace {

constexpr uint64_t kTableAddress =
    0x0000'ffff'ffff'fffe;  // a short root is aligned to its size only
constexpr uint64_t kVectorsSize = 2048;

// By ID_AA64MMFR0_EL1.PARange; tables of 4 KiB granules reach no further than 48 bits.
unsigned physical_bits() {
  constexpr unsigned kBits[] = {32, 36, 40, 42, 44};
  const uint64_t size = aarch64::physical_size();
  return size < 5 ? kBits[size] : 48;
}

}  // namespace

Cpu examine_cpu(const Firmware& /*firmware*/) {
  Cpu cpu;
  cpu.paging.physical_bits = physical_bits();
  cpu.id = loader::packed_mpidr(EFI_READ(mpidr_el1));
  return cpu;
}

LiveState live_state() {
  LiveState state;
  const mm::Phys vectors{aarch64::read_vbar()};
  state.tables[0] = {{vectors, vectors + kVectorsSize}, "FW VECTORS"};
  const unsigned top = aarch64::address_bits() - (12 + 9 * (aarch64::levels() - 1));
  state.page_tables = {.root = mm::Phys{aarch64::read_ttbr0() & kTableAddress},
                       .levels = aarch64::levels(),
                       .root_entries = 1u << top};
  state.stack = mm::Phys{reinterpret_cast<uintptr_t>(__builtin_frame_address(0))};
  return state;
}

uint64_t read_counter() {
  asm volatile("isb" : : : "memory");
  return EFI_READ(cntvct_el0);
}

uint64_t counter_hertz() { return EFI_READ(cntfrq_el0); }

void call_psci(loader::Psci by, uint32_t function) {
  register uint64_t number asm("x0") = function;
  if (by == loader::Psci::Smc) asm volatile("smc #0" : "+r"(number) : : "memory");
  if (by == loader::Psci::Hvc) asm volatile("hvc #0" : "+r"(number) : : "memory");
}

void disable_interrupts() { asm volatile("msr daifset, #0xf" : : : "memory"); }

}  // namespace efi
