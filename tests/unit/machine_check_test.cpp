// What machine-check banks say, and what becomes of it.
#include <gtest/gtest.h>

#include <memory>

#include "kernel/hardware_errors.h"
#include "kernel/x86/apic_commands.h"
#include "kernel/x86/machine_check_codes.h"
#include "tests/unit/pretend_machine.h"

namespace kernel::x86 {
namespace {

using mm::test::Text;

constexpr uint64_t kRecoveryCap = 1u << 24 | 1u << 8 | 10;
constexpr BankRules kIntel = bank_rules(kRecoveryCap, false, false);
constexpr BankRules kOldIntel = bank_rules(6, false, false);
constexpr BankRules kAmd = bank_rules(1u << 8 | 23, true, true);

BankRecord record(uint64_t status, uint64_t address = 0, uint64_t misc = 0, unsigned bank = 4) {
  return {bank, kBankValid | status, address, misc};
}
constexpr uint64_t kUc = kBankUncorrected | kBankEnabled;

TEST(MachineCheck, RegistersAreWhereTheCpuHasThem) {
  EXPECT_EQ(bank_msr(0, BankRegister::Ctl), 0x400U);
  EXPECT_EQ(bank_msr(0, BankRegister::Misc), 0x403U);
  EXPECT_EQ(bank_msr(9, BankRegister::Status), 0x425U);
  EXPECT_EQ(command_to_self(0xf9), 0x440f9U);
}

TEST(MachineCheck, TheRulesFollowFromTheCapabilities) {
  EXPECT_EQ(kIntel.banks, 10U);
  EXPECT_TRUE(kIntel.control && kIntel.recovery && !kIntel.amd && !kIntel.counts);
  EXPECT_TRUE(!kOldIntel.control && !kOldIntel.recovery);
  EXPECT_TRUE(kAmd.amd && kAmd.survives);
  EXPECT_FALSE(bank_rules(kRecoveryCap, true, false).amd) << "QEMU's: AMD's name, Intel's banks";
  EXPECT_TRUE(bank_rules(1u << 10, false, false).counts);
  EXPECT_FALSE(bank_rules(1u << 10, true, false).counts);
}

// Intel SDM vol. 3B, table 16-6 and what stands around it.
TEST(MachineCheck, HowBadItIs) {
  using enum Severity;
  const uint64_t kS = kBankSignalled, kAr = kBankActionNeeded, kOver = kBankOverflow;
  EXPECT_EQ(severity_of(record(kBankEnabled), kIntel), Corrected);
  EXPECT_EQ(severity_of(record(kBankEnabled | kOver), kIntel), Corrected);
  EXPECT_EQ(severity_of(record(kUc), kIntel), Latent) << "UCNA";
  EXPECT_EQ(severity_of(record(kUc | kS), kIntel), Latent) << "SRAO";
  EXPECT_EQ(severity_of(record(kUc | kS | kOver), kIntel), Latent);
  EXPECT_EQ(severity_of(record(kUc | kS | kAr), kIntel), Action);
  EXPECT_EQ(severity_of(record(kUc | kS | kAr | kOver), kIntel), Fatal);
  EXPECT_EQ(severity_of(record(kUc | kBankContextCorrupt), kIntel), Fatal);
  EXPECT_EQ(severity_of(record(kBankUncorrected), kIntel), Latent) << "not enabled";
  EXPECT_EQ(severity_of(record(kUc), kOldIntel), Action);
  EXPECT_EQ(severity_of(record(kUc | kOver), kOldIntel), Fatal);
  EXPECT_EQ(severity_of(record(kBankDeferred), kAmd), Latent);
  EXPECT_EQ(severity_of(record(kBankDeferred), kIntel), Corrected) << "that bit is a count's";
  EXPECT_EQ(severity_of(record(kUc), kAmd), Action);
  EXPECT_EQ(severity_of(record(kUc), bank_rules(23, true, false)), Fatal);
}

TEST(MachineCheck, WhoPollsLeavesAloneWhatTheExceptionIsFor) {
  EXPECT_FALSE(raises_check(record(kBankEnabled), kIntel));
  EXPECT_FALSE(raises_check(record(kUc), kIntel)) << "UCNA";
  EXPECT_FALSE(raises_check(record(kBankUncorrected), kIntel));
  EXPECT_TRUE(raises_check(record(kUc | kBankSignalled), kIntel));
  EXPECT_TRUE(raises_check(record(kUc | kBankContextCorrupt), kIntel));
  EXPECT_TRUE(raises_check(record(kUc), kOldIntel));
  EXPECT_FALSE(raises_check(record(kBankDeferred), kAmd));
}

TEST(MachineCheck, WhichMemoryItIs) {
  const uint64_t kBoth = kBankHasAddress | kBankHasMisc;
  const auto range = [](uint64_t start, uint64_t end) {
    return mm::Range{mm::Phys{start}, mm::Phys{end}};
  };
  EXPECT_EQ(memory_of(record(kBoth, 0x12345678, 0x8c), kIntel), range(0x12345000, 0x12346000));
  EXPECT_EQ(memory_of(record(kBoth, 0x12345678, 0x86), kIntel), range(0x12345640, 0x12345680));
  EXPECT_EQ(memory_of(record(kBoth, 0x12345678, 0x95), kIntel), range(0x12200000, 0x12400000));
  EXPECT_EQ(memory_of(record(kBoth, 0x12345678, 0x96), kIntel), std::nullopt) << "4 MiB";
  EXPECT_EQ(memory_of(record(kBoth, 0x12345678, 0x4c), kIntel), std::nullopt) << "linear";
  EXPECT_EQ(memory_of(record(kBankHasAddress, 0x12345678, 0x8c), kIntel), std::nullopt);
  EXPECT_EQ(memory_of(record(kBankHasMisc, 0x12345678, 0x8c), kIntel), std::nullopt);
  EXPECT_EQ(memory_of(record(kBoth, uint64_t{1} << 53, 0x8c), kIntel), std::nullopt);
  EXPECT_EQ(memory_of(record(kBankHasAddress, 0x12345678), kAmd), std::nullopt);
  EXPECT_EQ(memory_of(record(kBankHasAddress | kBankPoison, 0x12345678), kAmd),
            range(0x12345640, 0x12345680));
  EXPECT_EQ(memory_of(record(kBankHasAddress | 8 << 16, 0x12345678), kAmd),
            range(0x12345640, 0x12345680));
  EXPECT_EQ(memory_of(record(kBankHasAddress | 8 << 16, 0x12345678, 0, 5), kAmd), std::nullopt);
}

TEST(MachineCheck, HowManyErrorsARecordStandsFor) {
  const BankRules counting = bank_rules(1u << 10, false, false);
  EXPECT_EQ(count_of(record(uint64_t{5} << 38), counting), 5U);
  EXPECT_EQ(count_of(record(0), counting), 1U);
  EXPECT_EQ(count_of(record(uint64_t{0x7fff} << 38 | kBankContextCorrupt), counting), 0x7fffU);
  EXPECT_EQ(count_of(record(kUc | uint64_t{5} << 38), counting), 1U);
  EXPECT_EQ(count_of(record(uint64_t{5} << 38), kIntel), 1U) << "those bits are the model's own";
}

TEST(MachineCheck, WhatFailed) {
  EXPECT_STREQ(code_name(0x0090), "memory controller error");
  EXPECT_STREQ(code_name(0x10c1), "memory controller error");
  EXPECT_STREQ(code_name(0x0134), "cache error");
  EXPECT_STREQ(code_name(0x0e0b), "bus or interconnect error");
  EXPECT_STREQ(code_name(0x0014), "TLB error");
  EXPECT_STREQ(code_name(0x0405), "internal error");
  EXPECT_STREQ(code_name(0x0001), "error");
}

TEST(HardwareErrors, AreCountedByBankAndPlace) {
  const mm::Range here{mm::Phys{0x5000}, mm::Phys{0x6000}},
      there{mm::Phys{0x7000}, mm::Phys{0x7040}};
  HardwareErrors errors;
  EXPECT_TRUE(errors.empty());
  errors.add({.bank = 8, .count = 3, .where = here});
  errors.add({.cpu = 1, .bank = 8, .where = here});
  errors.add({.bank = 8, .where = there});
  errors.add({.bank = 8, .corrected = false, .where = here});
  errors.add({.bank = 1, .corrected = false});
  EXPECT_EQ(errors.corrected(), 5U);
  EXPECT_EQ(errors.uncorrected(), 2U);
  for (unsigned bank = 100; bank < 100 + HardwareErrors::kRoom; ++bank) errors.add({.bank = bank});
  Text said;
  errors.print("mce", said.printer());
  EXPECT_EQ(said.text.find("mce: bank 8, 0x5000: 4 corrected\n"
                           "mce: bank 8, 0x7000: 1 corrected\n"
                           "mce: bank 8, 0x5000: 1 uncorrected\n"
                           "mce: bank 1, no address: 1 uncorrected\n"),
            0U)
      << said.text;
  EXPECT_NE(said.text.find("mce: 4 more elsewhere\n"), std::string::npos) << said.text;
}

}  // namespace
}  // namespace kernel::x86
