// What differs between boards, as ACPI or the device tree tells it: the serial port, and who resets the machine.
#include "efi/bsa/board.h"

#include "efi/arch.h"
#include "loader/acpi/fadt.h"
#include "loader/acpi/spcr.h"
#include "loader/fdt/machine.h"
#include "loader/serial/pl011.h"

namespace efi {
namespace {

struct SerialMemory {
  uintptr_t base = 0;  // 0: there is none
  [[nodiscard]] uint32_t read(unsigned offset) const {
    return *reinterpret_cast<const volatile uint32_t*>(base + offset);
  }
  void write(unsigned offset, uint32_t value) const {
    *reinterpret_cast<volatile uint32_t*>(base + offset) = value;
  }
  [[nodiscard]] static uint64_t microseconds() { return FirstSerialRegisters::microseconds(); }
};

// What must be there when nothing can be asked any more.
struct Board {
  bool has_serial = false;
  loader::Pl011Ports<SerialMemory> serial;
  loader::Psci psci = loader::Psci::None;
};
constinit Board board;

std::span<const uint8_t> bytes_of(const loader::AcpiTable& table) {
  return {reinterpret_cast<const uint8_t*>(
              static_cast<uintptr_t>(table.address.v)),  // NOLINT: identity
          table.length};
}

loader::HandoffSerial use_serial(const loader::SpcrPort& port) {
  if (port.pl011 == 0) return {};
  board.serial = loader::Pl011Ports<SerialMemory>({static_cast<uintptr_t>(port.pl011)});
  board.has_serial = true;
  return {.address = port.pl011, .kind = loader::kSerialPl011, .zero = 0};
}

}  // namespace

loader::HandoffSerial find_first_serial(std::span<const loader::AcpiTable> tables,
                                        const loader::Fdt& tree) {
  if (tables.empty() && !tree.empty()) {
    // What is wrong with it the kernel tells, which reads it again.
    if (const auto psci = loader::fdt_psci(tree); psci.ok()) board.psci = psci.value();
    const auto port = loader::fdt_console(tree);
    return port.ok() ? use_serial(port.value()) : loader::HandoffSerial{};
  }
  loader::HandoffSerial found{};
  for (const loader::AcpiTable& table : tables) {
    if (!table.checksum_good) continue;
    const std::string_view signature(table.signature.data(), 4);
    if (signature == "FACP") {
      if (const auto facts = loader::parse_fadt(bytes_of(table)); facts.ok()) {
        board.psci = facts.value().psci;
      }
    }
    if (signature != "SPCR") continue;
    const auto port = loader::parse_spcr(bytes_of(table));
    if (port.ok() && port.value().pl011 != 0) found = use_serial(port.value());
  }
  return found;
}

uint8_t FirstSerialRegisters::read(unsigned reg) {
  return board.has_serial ? board.serial.read(reg) : loader::UartFacts::kNobody;
}

void FirstSerialRegisters::write(unsigned reg, uint8_t value) {
  if (board.has_serial) board.serial.write(reg, value);
}

uint64_t FirstSerialRegisters::microseconds() {
  const uint64_t hertz = counter_hertz();
  return read_counter() / (hertz < 1'000'000 ? 1 : hertz / 1'000'000);
}

void wait_seconds(uint64_t seconds) {
  const uint64_t start = FirstSerialRegisters::microseconds();
  while (FirstSerialRegisters::microseconds() - start < seconds * 1'000'000) asm volatile("yield");
}

void reset_hard() {
  constexpr uint32_t kSystemReset = 0x8400'0009;  // Arm DEN 0022, section 5.1
  call_psci(board.psci, kSystemReset);
  for (;;) asm volatile("wfi");
}

}  // namespace efi
