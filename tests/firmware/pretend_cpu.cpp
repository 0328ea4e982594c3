// The seam of efi/arch.h, in a process: what is asked of the CPU, and the application's ends.
#include "efi/arch.h"
#include "loader/handoff/handoff.h"
#include "loader/kaslr.h"
#include "loader/serial/uart.h"
#include "tests/firmware/services.h"

namespace efi {

using mm::Phys;
using mm::Range;

Cpu examine_cpu(const Firmware& /*firmware*/) {
  Cpu cpu;
  cpu.paging.levels = 4;
  cpu.paging.nx = true;
  cpu.paging.gigabyte_pages = true;
  cpu.paging.physical_bits = 40;
  return cpu;
}

LiveState live_state() {
  LiveState state;
  state.tables[0] = {
      {Phys{pretend::kTables + pretend::kPage}, Phys{pretend::kTables + pretend::kPage + 64}},
      "FW GDT"};
  state.tables[1] = {
      {Phys{pretend::kTables + 2 * pretend::kPage}, Phys{pretend::kTables + 3 * pretend::kPage}},
      "FW IDT"};
  state.page_tables = {.root = Phys{pretend::kTables}, .levels = 4};
  state.stack = Phys{pretend::kStack + pretend::kStackPages / 2 * pretend::kPage};
  return state;
}

std::optional<LivePermissions> live_page(uint64_t address) {
  if (address < pretend::kRam || address >= pretend::kRamEnd) return std::nullopt;
  return LivePermissions{true, true};
}

uint64_t read_counter() { return pretend::machine->counter += 1000; }

void ask_cpu(loader::RandomPool& pool) { pool.add(loader::kRandomNumber, uint64_t{1}); }

loader::HandoffSerial find_first_serial(std::span<const loader::AcpiTable> /*tables*/,
                                        const loader::Fdt& /*tree*/) {
  return {.address = loader::kCom1, .kind = loader::kSerial16550, .zero = 0};
}

void disable_interrupts() {}
void take_over_descriptors(const Firmware& /*firmware*/,
                           const loader::HandoffFramebuffer& /*framebuffer*/) {}

Range our_text() { return {Phys{pretend::kImage}, Phys{pretend::kImage + pretend::kPage}}; }
std::span<const uint8_t> jump_code() { return {}; }

void enter_kernel(const loader::World& world, uint64_t /*entry*/, Range /*stack*/, Range /*text*/,
                  const loader::PagingFeatures& /*paging*/) {
  const auto& handoff = *reinterpret_cast<const loader::Handoff*>(world.handoff.v);
  pretend::machine->outcome.handoff_good = loader::check(handoff).ok();
  pretend::machine->ended = true;
  throw pretend::Jumped();
}

uint8_t FirstSerialRegisters::read(unsigned reg) {
  return reg == loader::UartFacts::kLineStatus ? 0x60 : 0;
}
void FirstSerialRegisters::write(unsigned reg, uint8_t value) {
  if (reg == loader::UartFacts::kData && value >= ' ') {
    pretend::machine->outcome.last += static_cast<char>(value);
  }
}
uint64_t FirstSerialRegisters::microseconds() { return read_counter(); }
void wait_seconds(uint64_t /*seconds*/) {}
void reset_hard() {
  pretend::machine->ended = true;
  throw pretend::Reset();
}

}  // namespace efi
