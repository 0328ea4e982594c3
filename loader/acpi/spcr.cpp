#include "loader/acpi/spcr.h"

#include "loader/acpi/tables.h"

namespace loader {
namespace {

constexpr size_t kInterfaceType = 36, kBaseAddress = 40, kBaudRate = 58, kAtLeast = 80;
// Interface types: full 16550, and 16550 subset; Arm PL011, SBSA's of 32-bit accesses only, SBSA's.
constexpr uint8_t kLast16550 = 1, kPl011 = 3, kSbsa32 = 13, kSbsa = 14;

uint32_t baud_of(uint8_t code) {
  switch (code) {
    case 3:
      return 9600;
    case 4:
      return 19200;
    case 6:
      return 57600;
    case 7:
      return 115200;
    default:
      return 0;
  }
}

}  // namespace

mm::Result<SpcrPort> parse_spcr(std::span<const uint8_t> table) {
  if (table.size() < kAtLeast) {
    return mm::Error{"too short (length {}, at least {})", "SPCR", table.size(), kAtLeast};
  }
  const uint8_t type = table[kInterfaceType];
  const bool is_pl011 = type == kPl011 || type == kSbsa32 || type == kSbsa;
  if (type > kLast16550 && !is_pl011) {
    return mm::Error{"the console is not a 16550 (interface type {})", "SPCR", type, 0};
  }
  const GenericAddress address = generic_address(table, kBaseAddress);
  if (address.address == 0) return mm::Error{"console redirection is off", "SPCR"};
  if (is_pl011) {
    if (address.space != GenericAddress::kMemory) {
      return mm::Error{
          "the console's registers are not in memory (address space {}, address {:#x})", "SPCR",
          address.space, address.address};
    }
    return SpcrPort{0, address.address, baud_of(table[kBaudRate])};
  }
  if (address.space != GenericAddress::kIo || address.address > 0xffff) {
    return mm::Error{"the console is not at an I/O port (address space {}, address {:#x})", "SPCR",
                     address.space, address.address};
  }
  return SpcrPort{static_cast<uint16_t>(address.address), 0, baud_of(table[kBaudRate])};
}

}  // namespace loader
