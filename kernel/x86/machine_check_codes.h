// What machine-check registers say (Intel SDM vol. 3B, chapter 16; AMD APM vol. 2, chapter 9), as
// numbers: no register is touched here.
#pragma once

#include <cstdint>
#include <optional>

#include "mm/types.h"

namespace kernel::x86 {

inline constexpr uint32_t kMsrMcgCap = 0x179, kMsrMcgStatus = 0x17a, kMsrMcgCtl = 0x17b;

// A bank's four registers; AMD's newer ones for the same banks answer at these addresses, too.
enum class BankRegister : uint8_t { Ctl, Status, Address, Misc };
[[nodiscard]] constexpr uint32_t bank_msr(unsigned bank, BankRegister reg) {
  return 0x400 + 4 * bank + static_cast<uint32_t>(reg);
}

// By which rules a CPU's banks are read.
struct BankRules {
  unsigned banks = 0;
  bool control = false;   // there is IA32_MCG_CTL
  bool counts = false;    // corrected errors are counted in the status
  bool recovery = false;  // S and AR tell what an uncorrected error asks for
  bool amd = false;       // AMD's bits are there instead
  bool survives = false;  // AMD: an uncorrected error may be gone on from
};
[[nodiscard]] constexpr BankRules bank_rules(uint64_t mcg_cap, bool amd_vendor, bool survives) {
  BankRules rules;
  rules.banks = mcg_cap & 0xff;
  rules.control = (mcg_cap >> 8 & 1) != 0;
  rules.recovery = (mcg_cap >> 24 & 1) != 0;
  // Who says that it has Intel's recovery is read as Intel's are, whoever it says it is.
  rules.amd = amd_vendor && !rules.recovery;
  rules.counts = !rules.amd && (mcg_cap >> 10 & 1) != 0;
  rules.survives = survives;
  return rules;
}

// IA32_MCG_STATUS.
inline constexpr uint64_t kRestartable = 1, kAtInstruction = 2, kCheckInProgress = 4;

// A bank's status.
inline constexpr uint64_t kBankValid = uint64_t{1} << 63, kBankOverflow = uint64_t{1} << 62,
                          kBankUncorrected = uint64_t{1} << 61, kBankEnabled = uint64_t{1} << 60,
                          kBankHasMisc = uint64_t{1} << 59, kBankHasAddress = uint64_t{1} << 58,
                          kBankContextCorrupt = uint64_t{1} << 57,
                          kBankSignalled = uint64_t{1} << 56,            // S
    kBankActionNeeded = uint64_t{1} << 55,                               // AR
    kBankDeferred = uint64_t{1} << 44, kBankPoison = uint64_t{1} << 43;  // AMD

struct BankRecord {
  unsigned bank = 0;
  uint64_t status = 0, address = 0, misc = 0;
  [[nodiscard]] constexpr bool has(uint64_t bit) const { return (status & bit) != 0; }
};

// What is to follow from a record, mildest first.
enum class Severity : uint8_t {
  Corrected,
  Latent,  // data is lost, but nobody has used it
  Action,  // whoever used it cannot go on
  Fatal,   // nobody can
};
[[nodiscard]] constexpr Severity severity_of(const BankRecord& r, const BankRules& rules) {
  if (!r.has(kBankUncorrected)) {
    return rules.amd && r.has(kBankDeferred) ? Severity::Latent : Severity::Corrected;
  }
  if (!r.has(kBankEnabled)) return Severity::Latent;  // not what a machine check is raised for
  if (r.has(kBankContextCorrupt)) return Severity::Fatal;
  if (rules.recovery && !r.has(kBankActionNeeded)) return Severity::Latent;  // UCNA, SRAO
  if (rules.amd && !rules.survives) return Severity::Fatal;
  // An error that asks for action and came before another: that one's record is lost.
  return r.has(kBankOverflow) ? Severity::Fatal : Severity::Action;
}

// Whether a machine check is, or was, on its way for the record: who only polls leaves it alone.
[[nodiscard]] constexpr bool raises_check(const BankRecord& r, const BankRules& rules) {
  if (!r.has(kBankUncorrected) || !r.has(kBankEnabled)) return false;
  return !rules.recovery || r.has(kBankContextCorrupt | kBankSignalled);
}

// Errors that the record stands for.
[[nodiscard]] constexpr uint64_t count_of(const BankRecord& r, const BankRules& rules) {
  const uint64_t count =
      rules.counts && !r.has(kBankUncorrected) ? r.status >> 38 & 0x7fff : uint64_t{1};
  return count == 0 ? 1 : count;
}

// The memory in which the error is; nothing where the record's address is not told, is no physical
// one, or so coarse that it says little.
[[nodiscard]] constexpr std::optional<mm::Range> memory_of(const BankRecord& r,
                                                           const BankRules& rules) {
  constexpr uint64_t kCoarsest = 21, kPhysical = 2, kMemoryController = 4, kEccError = 8;
  constexpr uint64_t kAddressBits = (uint64_t{1} << 56) - 1;  // of AMD's register; 52 are used
  if (!r.has(kBankHasAddress)) return std::nullopt;
  uint64_t lowest = 6;  // a cache line's
  if (rules.amd) {
    // No bit says so, but poison carries its physical address, and the northbridge's ECC errors
    // did.
    const bool ecc = r.bank == kMemoryController && (r.status >> 16 & 0x1f) == kEccError;
    if (!r.has(kBankPoison) && !ecc) return std::nullopt;
  } else {
    if (!r.has(kBankHasMisc) || (r.misc >> 6 & 7) != kPhysical) return std::nullopt;
    lowest = r.misc & 0x3f;
  }
  if (lowest > kCoarsest) return std::nullopt;
  const uint64_t size = uint64_t{1} << lowest;
  const uint64_t start = r.address & kAddressBits & ~(size - 1);
  if (start >= mm::kMaxPhys) return std::nullopt;
  return mm::Range{mm::Phys{start}, mm::Phys{start + size}};
}

// What kind of thing failed, by the lower half of the status (Intel SDM, section 16.9).
[[nodiscard]] constexpr const char* code_name(uint64_t status) {
  const uint64_t code = status & 0xffff & ~uint64_t{0x1000};  // bit 12: corrected ones are filtered
  if ((code & 0xf800) == 0x0800) return "bus or interconnect error";
  if ((code & 0xff00) == 0x0100) return "cache error";
  if ((code & 0xff80) == 0x0080) return "memory controller error";
  if ((code & 0xff80) == 0x0280) return "memory used as a cache: error";
  if ((code & 0xfff0) == 0x0010) return "TLB error";
  if ((code & 0xfffc) == 0x000c) return "cache error";
  if (code == 0x0005) return "internal parity error";
  if ((code & 0xfc00) == 0x0400) return "internal error";
  return "error";
}

}  // namespace kernel::x86
