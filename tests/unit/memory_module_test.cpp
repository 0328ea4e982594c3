// Which module answers an address, and which is pulled first, by drawn SMBIOS tables.
#include "kernel/memory_module.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/acpi_bytes.h"

namespace kernel {
namespace {

using acpi_test::Bytes;
using mm::kGiB;
using mm::kMiB;
using Kind = ModuleErrors::Kind;

// SMBIOS, structure by structure.
class Table {
 public:
  Table& array(uint16_t handle, uint8_t use = 3) {
    bytes_.u8(16).u8(15).u16(handle).u8(3).u8(use).u8(3).u32(0x1000000).u16(0xfffe).u16(4);
    return strings({});
  }
  Table& module(uint16_t handle, const char* locator, const char* bank, uint16_t array = 0x1000,
                uint16_t mib = 4096) {
    bytes_.u8(17).u8(21).u16(handle).u16(array).u16(0xfffe).u16(64).u16(64).u16(mib).u8(9).u8(0);
    bytes_.u8(*locator == '\0' ? 0 : 1).u8(*bank == '\0' ? 0 : *locator == '\0' ? 1 : 2).zeros(3);
    std::vector<std::string> texts;
    for (const char* text : {locator, bank}) {
      if (*text != '\0') texts.emplace_back(text);
    }
    return strings(texts);
  }
  Table& array_range(uint64_t start, uint64_t end, uint16_t array) {
    bytes_.u8(19).u8(15).u16(next_++).u32(start / 1024).u32(end / 1024 - 1).u16(array).u8(1);
    return strings({});
  }
  Table& device_range(uint64_t start, uint64_t end, uint16_t device, uint8_t position = 0) {
    bytes_.u8(20).u8(19).u16(next_++).u32(start / 1024).u32(end / 1024 - 1).u16(device);
    bytes_.u16(0x1300).u8(1).u8(position).u8(position == 0 ? 0 : 1);
    return strings({});
  }
  [[nodiscard]] std::unique_ptr<MemoryModules> read() {
    auto modules = std::make_unique<MemoryModules>();
    modules->read(bytes_.bytes());
    return modules;
  }

 private:
  Table& strings(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) bytes_.put({text.begin(), text.end()}).u8(0);
    if (texts.empty()) bytes_.u8(0);
    bytes_.u8(0);
    return *this;
  }
  Bytes bytes_;
  uint16_t next_ = 0x2000;
};

std::string name(const MemoryModules& modules, uint64_t address, size_t room = 24) {
  std::vector<char> text(room, 'x');
  modules.name(mm::Phys{address}, text);
  return text.data();
}

// Errors as a test adds them, and what is said of them.
struct Found {
  uint64_t address;
  Kind kind = Kind::Wrong;
  uint64_t count = 1;
  std::optional<mm::NodeId> node = mm::NodeId{0};
};
std::string said_of(const MemoryModules& modules, const std::vector<Found>& all) {
  const auto errors = std::make_unique<ModuleErrors>();
  for (const Found& one : all) {
    const Answering who = modules.answering(mm::Phys{one.address});
    errors->add(who, one.node, one.kind, one.count);
    if (one.kind != Kind::Corrected) errors->add_page(who);
  }
  acpi_test::Log log;
  errors->print(modules, log.printer());
  return log.text();
}
// Its last line, without "memtest: pull first: ".
std::string pull_first(const MemoryModules& modules, const std::vector<Found>& all) {
  const std::string said = said_of(modules, all);
  constexpr const char* kBegins = "memtest: pull first: ";
  const size_t at = said.find(kBegins);
  return at == std::string::npos ? said
                                 : said.substr(at + std::string(kBegins).size(),
                                               said.size() - at - std::string(kBegins).size() - 1);
}

TEST(MemoryModules, EachHasItsRange) {
  Table table;
  const auto modules = table.array(0x1000)
                           .module(0x1100, "DIMM_A1", "CHANNEL A")
                           .module(0x1101, "DIMM_B1", "CHANNEL B")
                           .module(0x1102, "DIMM_C1", "", 0x1000, 0)  // an empty socket
                           .device_range(0, 4 * kGiB, 0x1100)
                           .device_range(4 * kGiB, 8 * kGiB, 0x1101)
                           .read();
  EXPECT_EQ(modules->count(), 2U);
  EXPECT_EQ(name(*modules, 0x1000), "DIMM_A1, CHANNEL A");
  EXPECT_EQ(name(*modules, 4 * kGiB), "DIMM_B1, CHANNEL B");
  EXPECT_EQ(name(*modules, 8 * kGiB), "");
  EXPECT_EQ(name(*modules, 0, 8), "DIMM_A1");
  EXPECT_EQ(said_of(*modules, {{0x1000}, {0x5000}, {5 * kGiB}}),
            "memtest: module DIMM_A1, CHANNEL A, SMBIOS handle 0x1100: 2 wrong words, 0 lost, 0 "
            "corrected, in 2 bad pages\n"
            "memtest: module DIMM_B1, CHANNEL B, SMBIOS handle 0x1101: 1 wrong words, 0 lost, 0 "
            "corrected, in 1 bad pages\n"
            "memtest: pull first: DIMM_A1, CHANNEL A: 2 of 3 errors\n");
  EXPECT_EQ(pull_first(*modules, {{0}, {5 * kGiB}}), "DIMM_A1 or DIMM_B1: 1 of 2 errors each");
  EXPECT_EQ(pull_first(*modules, {}), "");
}

TEST(MemoryModules, TheOnlyOneAnswersAll) {
  Table table;
  const auto modules = table.array(0x1000)
                           .module(0x1100, "", "")
                           .module(0x1101, "BIOS", "", 0x1001)  // of flash
                           .array(0x1001, 5)
                           .array_range(0, 4 * kGiB, 0x1000)
                           .read();
  EXPECT_EQ(name(*modules, 9 * kGiB), "SMBIOS handle 0x1100");
  EXPECT_EQ(pull_first(*modules, {{0}}), "SMBIOS handle 0x1100: 1 of 1 errors");
}

TEST(MemoryModules, InterleavedTheyAreNotToldApart) {
  Table table;
  table.array(0x1000)
      .module(0x1100, "DIMM_A1", "CHANNEL A")
      .module(0x1101, "DIMM_A2", "CHANNEL A")
      .module(0x1102, "DIMM_B1", "CHANNEL B")
      .device_range(0, 8 * kGiB, 0x1100, 1)
      .device_range(0, 8 * kGiB, 0x1101, 2)
      .device_range(8 * kGiB, 16 * kGiB, 0x1101, 1)
      .device_range(8 * kGiB, 16 * kGiB, 0x1102, 2);
  const auto modules = table.read();
  EXPECT_TRUE(modules->answering(mm::Phys{0}).interleaved);
  // The channel is left known where all have the same.
  EXPECT_EQ(name(*modules, 0, 40), "DIMM_A1 or DIMM_A2, CHANNEL A");
  EXPECT_EQ(name(*modules, 0), "one of 2 modules") << "what does not fit is not cut";
  EXPECT_EQ(
      pull_first(*modules, {{0}, {0x1000, Kind::Wrong, 1, mm::NodeId{1}}}),
      "cannot be known: DIMM_A1 or DIMM_A2, CHANNEL A, which are interleaved: test each alone");
  EXPECT_EQ(pull_first(*modules, {{0, Kind::Lost, 2, mm::NodeId{1}}}),
            "cannot be known: DIMM_A1 or DIMM_A2, CHANNEL A, which are interleaved: test each "
            "alone; all errors are on node 1");
  // One is in both.
  EXPECT_EQ(pull_first(*modules, {{0}, {9 * kGiB}}),
            "DIMM_A2, CHANNEL A: the only one that all 2 errors may be of");
  // Errors that only one can have say more.
  table.device_range(16 * kGiB, 20 * kGiB, 0x1102);
  EXPECT_EQ(pull_first(*table.read(), {{0}, {0x1000}, {17 * kGiB}}),
            "DIMM_B1, CHANNEL B: 1 of 3 errors");
}

TEST(MemoryModules, APositionWithoutItsPartners) {
  Table table;
  const auto modules = table.module(0x1100, "A1", "")
                           .module(0x1101, "B1", "")
                           .device_range(0, 8 * kGiB, 0x1100, 0xff)
                           .read();
  EXPECT_FALSE(modules->answering(mm::Phys{0}).is_known());
  EXPECT_EQ(pull_first(*modules, {{0, Kind::Wrong, 1, std::nullopt}}),
            "cannot be known: A1 shares these addresses with modules that SMBIOS does not name");
}

// As QEMU has it with more than one module: only the array's range is told.
TEST(MemoryModules, ByTheirArray) {
  Table table;
  table.array(0x1000).array(0x1001);
  for (int i = 0; i < 4; ++i) {
    (void)table.module(static_cast<uint16_t>(0x1100 + i), ("DIMM " + std::to_string(i)).c_str(), "",
                       i == 3 ? 0x1001 : 0x1000);
  }
  const auto modules =
      table.array_range(0, 12 * kGiB, 0x1000).array_range(12 * kGiB, 16 * kGiB, 0x1001).read();
  EXPECT_EQ(name(*modules, 13 * kGiB), "DIMM 3");
  EXPECT_EQ(name(*modules, 0, 40), "DIMM 0 or DIMM 1 or DIMM 2");
  EXPECT_EQ(pull_first(*modules, {{0}}),
            "cannot be known: DIMM 0 or DIMM 1 or DIMM 2, as SMBIOS does not tell them apart: test "
            "each alone; all errors are on node 0");
  EXPECT_EQ(pull_first(*modules, {{16 * kGiB, Kind::Wrong, 1, std::nullopt}}),
            "cannot be known: SMBIOS does not tell who answers these addresses");
}

TEST(MemoryModules, CorrectedErrorsCountWhereThereAreNoOthers) {
  Table table;
  const auto modules = table.module(0x1100, "A1", "")
                           .module(0x1101, "B1", "")
                           .device_range(0, kGiB, 0x1100)
                           .device_range(kGiB, 2 * kGiB, 0x1101)
                           .read();
  EXPECT_EQ(pull_first(*modules, {{0, Kind::Corrected, 5}, {kGiB, Kind::Corrected, 7}}),
            "B1: 7 of 12 corrected errors");
  EXPECT_EQ(pull_first(*modules, {{0, Kind::Lost}, {kGiB, Kind::Corrected, 700}}),
            "A1: 1 of 1 errors");
}

TEST(MemoryModules, NothingIsToldWhereSmbiosTellsNothing) {
  Table none;
  EXPECT_EQ(pull_first(*none.read(), {{0, Kind::Wrong, 1, std::nullopt}}),
            "cannot be known: SMBIOS names no memory module");
  EXPECT_EQ(name(*none.read(), 0), "");
  Table many;
  for (uint16_t i = 0; i <= ModuleSet::kRoom; ++i) (void)many.module(i, "D", "");
  EXPECT_TRUE(many.read()->too_many());
  EXPECT_EQ(pull_first(*many.read(), {{0, Kind::Wrong, 1, std::nullopt}}),
            "cannot be known: SMBIOS has more modules or ranges than there is room for (128, 192)");
}

TEST(MemoryModules, WhatIsNoTextIsNotPrinted) {
  Table table;
  EXPECT_EQ(name(*table.module(1, "D\x1b[2J", "").read(), 0), "D?[2J");
}

// More different sets than there are rows for: none of the errors is lost, and none gets a false name.
TEST(ModuleErrors, MoreThanThereIsRoomFor) {
  const auto errors = std::make_unique<ModuleErrors>();
  Table table;
  const auto modules = table.module(1, "A1", "").module(2, "B1", "").read();
  for (size_t i = 0; i < 100; ++i) {
    Answering who;
    who.modules.add(i);
    errors->add(who, mm::NodeId{0}, Kind::Wrong);
  }
  Answering last;
  last.modules.add(1);
  errors->add(last, mm::NodeId{0}, Kind::Wrong);
  acpi_test::Log log;
  errors->print(*modules, log.printer());
  EXPECT_NE(log.text().find("memtest: module not told: 37 wrong words"), std::string::npos)
      << log.text();
  EXPECT_NE(log.text().find("pull first: B1: 2 of 101 errors"), std::string::npos) << log.text();
}

}  // namespace
}  // namespace kernel
