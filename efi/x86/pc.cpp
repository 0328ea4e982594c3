// What every PC has at fixed ports.
#include "efi/arch.h"
#include "loader/serial/uart.h"

namespace efi {
namespace {

void write_port(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

uint8_t read_port(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

uint16_t com1(unsigned reg) { return static_cast<uint16_t>(loader::kCom1 + reg); }

}  // namespace

loader::HandoffSerial find_first_serial(std::span<const loader::AcpiTable> /*tables*/,
                                        const loader::Fdt& /*tree*/) {
  return {.address = loader::kCom1, .kind = loader::kSerial16550, .zero = 0};
}

uint8_t FirstSerialRegisters::read(unsigned reg) { return read_port(com1(reg)); }

void FirstSerialRegisters::write(unsigned reg, uint8_t value) { write_port(com1(reg), value); }

// The TSC's rate is not known here: few run slower than 1 GHz, and at 5 GHz a fifth of the time is
// still long enough.
uint64_t FirstSerialRegisters::microseconds() { return read_counter() / 1000; }

// A write to port 0x80, where nothing listens but a diagnostic card, takes about a microsecond on
// any PC, but next to nothing in a virtual machine; whose TSC seldom runs slower than 1 GHz. So
// both must say that it is time.
void wait_seconds(uint64_t seconds) {
  constexpr uint16_t kDiagnostics = 0x80;
  const uint64_t start = read_counter();
  for (uint64_t i = 0; i < seconds * 1'000'000 || read_counter() - start < seconds * 1'000'000'000;
       ++i) {
    write_port(kDiagnostics, 0);
  }
}

void reset_hard() {
  // Every PC since the PIIX has it: select a hard reset, then do it.
  constexpr uint16_t kResetControl = 0xcf9;
  write_port(kResetControl, 0x02);
  write_port(kResetControl, 0x06);
  for (;;) asm volatile("cli; hlt");
}

}  // namespace efi
