#include "loader/acpi/fadt.h"

namespace loader {
namespace {

// Offsets, ACPI 6.5 table 5.9.
constexpr size_t kSmiCommand = 48, kAcpiEnable = 52, kPm1aControl = 64, kPm1bControl = 68,
                 kPmTimer = 76, kFlags = 112, kResetRegister = 116, kResetValue = 128,
                 kArmBootFlags = 129, kXPm1aControl = 172, kXPm1bControl = 184, kSleepControl = 244;
constexpr size_t kSizeOfAcpi1 = 116;
constexpr size_t kGenericAddressSize = 12;
constexpr uint16_t kPsciCompliant = 1, kPsciByHvc = 2;
constexpr uint32_t kResetRegisterSupported = 1u << 10, kHardwareReduced = 1u << 20;

// The extended field where the table has it and it is set, the old 32-bit port otherwise.
GenericAddress control(std::span<const uint8_t> fadt, size_t extended, size_t old) {
  if (fadt.size() >= extended + kGenericAddressSize) {
    const GenericAddress wide = generic_address(fadt, extended);
    if (wide.address != 0) return wide;
  }
  return {GenericAddress::kIo, 16, field<uint32_t>(fadt, old)};
}

// AML opcodes, ACPI 6.5 section 20.2.
constexpr uint8_t kZeroOp = 0x00, kOneOp = 0x01, kNameOp = 0x08, kBytePrefix = 0x0a,
                  kPackageOp = 0x12, kRootChar = '\\';

// Takes one small integer constant off the front of the code.
std::optional<uint8_t> take_byte(std::span<const uint8_t>& code) {
  if (code.empty()) return std::nullopt;
  const uint8_t op = code[0];
  if (op == kZeroOp || op == kOneOp) {
    code = code.subspan(1);
    return op;
  }
  if (op != kBytePrefix || code.size() < 2) return std::nullopt;
  const uint8_t value = code[1];
  code = code.subspan(2);
  return value;
}

std::optional<SleepType> sleep_package(std::span<const uint8_t> code) {
  if (code.size() < 3 || code[0] != kPackageOp) return std::nullopt;
  // PkgLength: the two top bits of its first byte count the bytes that follow.
  const size_t length_bytes = 1 + (code[1] >> 6);
  if (code.size() < 1 + length_bytes + 1) return std::nullopt;
  const uint8_t elements = code[1 + length_bytes];
  code = code.subspan(1 + length_bytes + 1);
  if (elements == 0) return std::nullopt;
  const auto a = take_byte(code);
  if (!a) return std::nullopt;
  SleepType type{*a, *a};
  if (elements > 1) {
    const auto b = take_byte(code);
    if (!b) return std::nullopt;
    type.b = *b;
  }
  return type;
}

}  // namespace

mm::Result<AcpiFacts> parse_fadt(std::span<const uint8_t> fadt) {
  if (fadt.size() < kSizeOfAcpi1) {
    return mm::Error{"too short (length {}, at least {})", "FACP", fadt.size(), kSizeOfAcpi1};
  }
  AcpiFacts facts;
  facts.smi_command = field<uint32_t>(fadt, kSmiCommand);
  facts.acpi_enable = fadt[kAcpiEnable];
  facts.pm_timer = field<uint32_t>(fadt, kPmTimer);
  const auto flags = field<uint32_t>(fadt, kFlags);
  if ((flags & kHardwareReduced) == 0) {
    facts.pm1a_control = control(fadt, kXPm1aControl, kPm1aControl);
    facts.pm1b_control = control(fadt, kXPm1bControl, kPm1bControl);
  } else if (fadt.size() >= kSleepControl + kGenericAddressSize) {
    facts.sleep_control = generic_address(fadt, kSleepControl);
  }
  if ((flags & kResetRegisterSupported) != 0 && fadt.size() > kResetValue) {
    facts.reset = generic_address(fadt, kResetRegister);
    facts.reset_value = fadt[kResetValue];
  }
  if (fadt.size() >= kArmBootFlags + 2) {
    const auto arm = field<uint16_t>(fadt, kArmBootFlags);
    if ((arm & kPsciCompliant) != 0) facts.psci = (arm & kPsciByHvc) != 0 ? Psci::Hvc : Psci::Smc;
  }
  return facts;
}

std::optional<SleepType> find_s5(std::span<const uint8_t> dsdt) {
  for (size_t i = sizeof(AcpiHeader); i + 4 < dsdt.size(); ++i) {
    if (dsdt[i] != '_' || dsdt[i + 1] != 'S' || dsdt[i + 2] != '5' || dsdt[i + 3] != '_') continue;
    const bool named =
        dsdt[i - 1] == kNameOp || (dsdt[i - 1] == kRootChar && i >= 2 && dsdt[i - 2] == kNameOp);
    if (!named) continue;
    if (const auto type = sleep_package(dsdt.subspan(i + 4))) return type;
  }
  return std::nullopt;
}

}  // namespace loader
