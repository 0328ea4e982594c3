// From the RSDP to the list of tables, on tables made in the test.
#include "loader/acpi/root.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "loader/acpi/tables.h"
#include "mm/print.h"

namespace loader {
namespace {

using mm::Phys;

// 64 KiB of physical memory at 0x10000 with ACPI tables in it.
class Tables {
 public:
  static constexpr uint64_t kStart = 0x10000, kSize = 0x10000;

  Tables() : memory_(kSize) {}

  uint8_t* at(uint64_t address) { return &memory_.at(address - kStart); }
  template <class T>
  void put(uint64_t address, T value) {
    std::memcpy(at(address), &value, sizeof(value));
  }
  void fix_checksum(uint64_t table, size_t size, size_t at_offset) {
    *at(table + at_offset) = 0;
    *at(table + at_offset) = static_cast<uint8_t>(0 - acpi_checksum(at(table), size));
  }
  uint64_t table(uint64_t address, const char* signature, std::vector<uint8_t> body = {}) {
    std::memcpy(at(address), signature, 4);
    put<uint32_t>(address + 4, static_cast<uint32_t>(36 + body.size()));
    if (!body.empty()) std::memcpy(at(address + 36), body.data(), body.size());
    fix_checksum(address, 36 + body.size(), 9);
    return address;
  }
  template <class Pointer>
  uint64_t root(uint64_t address, const char* signature, const std::vector<uint64_t>& to) {
    std::vector<uint8_t> body(to.size() * sizeof(Pointer));
    for (size_t i = 0; i < to.size(); ++i) {
      const auto pointer = static_cast<Pointer>(to[i]);
      std::memcpy(&body[i * sizeof(Pointer)], &pointer, sizeof(Pointer));
    }
    return table(address, signature, body);
  }
  uint64_t rsdp(uint64_t address, uint8_t revision, uint64_t rsdt, uint64_t xsdt) {
    std::memcpy(at(address), "RSD PTR ", 8);
    *at(address + 15) = revision;
    put<uint32_t>(address + 16, static_cast<uint32_t>(rsdt));
    put<uint32_t>(address + 20, 36);
    put<uint64_t>(address + 24, xsdt);
    fix_checksum(address, 20, 8);
    fix_checksum(address, 36, 32);
    return address;
  }

  [[nodiscard]] mm::DirectMap map() const {
    return mm::DirectMap(reinterpret_cast<uintptr_t>(memory_.data()) - kStart);
  }
  [[nodiscard]] AcpiWalk walk() const {
    return {map(),
            [](const void*, mm::Range r) {
              return mm::Range{Phys{kStart}, Phys{kStart + kSize}}.contains(r);
            },
            nullptr};
  }

  struct Found {
    mm::Result<AcpiRoot> root;
    std::vector<std::string> tables;  // "SIGN address length" and " bad" for a wrong checksum
  };
  Found list(uint64_t rsdp_address, size_t room = 32) {
    std::vector<AcpiTable> tables(room);
    Found found{walk().list(Phys{rsdp_address}, tables), {}};
    if (!found.root.ok()) return found;
    for (size_t i = 0; i < found.root.value().tables; ++i) {
      char line[64];
      mm::format(line, "{} {:x} {:x}{}", std::string_view(tables[i].signature.data(), 4),
                 tables[i].address, tables[i].length, tables[i].checksum_good ? "" : " bad");
      found.tables.emplace_back(line);
    }
    return found;
  }

 private:
  std::vector<uint8_t> memory_;
};

using Names = std::vector<std::string>;

std::vector<uint8_t> fadt_body(uint64_t facs, uint64_t dsdt, uint64_t x_dsdt) {
  std::vector<uint8_t> body(244 - 36);
  const auto facs32 = static_cast<uint32_t>(facs), dsdt32 = static_cast<uint32_t>(dsdt);
  std::memcpy(&body[0], &facs32, 4);
  std::memcpy(&body[4], &dsdt32, 4);
  std::memcpy(&body[140 - 36], &x_dsdt, 8);
  return body;
}

TEST(AcpiRoot, ListsTheXsdtsTablesAndWhatTheFadtPointsTo) {
  Tables t;
  t.table(0x12000, "DSDT", std::vector<uint8_t>(100));
  std::memcpy(t.at(0x13000), "FACS", 4);
  t.put<uint32_t>(0x13004, 64);
  t.table(0x14000, "FACP", fadt_body(0x13000, 0xdead0000, 0x12000));
  t.table(0x15000, "SRAT", std::vector<uint8_t>(12));
  t.root<uint64_t>(0x11000, "XSDT", {0x14000, 0x15000});
  const auto found = t.list(t.rsdp(0x10000, 2, 0x16000, 0x11000));
  ASSERT_TRUE(found.root.ok());
  EXPECT_TRUE(found.root.value().is_xsdt);
  EXPECT_EQ(found.root.value().skipped, 0U);
  EXPECT_EQ(found.tables, (Names{"RSDP 10000 24", "XSDT 11000 34", "FACP 14000 f4", "FACS 13000 40",
                                 "DSDT 12000 88", "SRAT 15000 30"}));
}

TEST(AcpiRoot, Acpi1HasOnlyAnRsdt) {
  Tables t;
  t.table(0x15000, "APIC");
  t.root<uint32_t>(0x11000, "RSDT", {0x15000});
  const auto found = t.list(t.rsdp(0x10000, 0, 0x11000, 0));
  ASSERT_TRUE(found.root.ok());
  EXPECT_FALSE(found.root.value().is_xsdt);
  EXPECT_EQ(found.tables, (Names{"RSDP 10000 14", "RSDT 11000 28", "APIC 15000 24"}));
}

TEST(AcpiRoot, ABrokenXsdtFallsBackToTheRsdtAndSaysSo) {
  Tables t;
  t.table(0x15000, "APIC");
  t.root<uint32_t>(0x11000, "RSDT", {0x15000});
  t.root<uint64_t>(0x12000, "XSDT", {0x15000});
  *t.at(0x12010) = 77;  // OEM bytes: the checksum no longer fits
  const auto found = t.list(t.rsdp(0x10000, 2, 0x11000, 0x12000));
  ASSERT_TRUE(found.root.ok());
  EXPECT_FALSE(found.root.value().is_xsdt);
  EXPECT_EQ(found.root.value().skipped, 1U);
  EXPECT_STREQ(found.root.value().first_skipped.what,
               "root table's checksum is wrong (address {:#x}, length {})");
  EXPECT_EQ(found.tables.back(), "APIC 15000 24");
}

TEST(AcpiRoot, PointersToNowhereAreCountedAndTheFirstIsNamed) {
  Tables t;
  t.table(0x15000, "APIC");
  t.put<uint32_t>(0x16004, 20);  // shorter than a header
  t.table(0x17000, "LONG");
  t.put<uint32_t>(0x17004, 0x100000);  // leaves what is readable
  t.root<uint64_t>(0x11000, "XSDT",
                   {0xfffffffffffff000, 0, 0x16000, 0x17000, 0x1fff0, 0x15000, 0x15000});
  const auto found = t.list(t.rsdp(0x10000, 2, 0, 0x11000));
  ASSERT_TRUE(found.root.ok());
  EXPECT_EQ(found.root.value().skipped, 5U);
  EXPECT_EQ(found.root.value().first_skipped.a, 0xfffffffffffff000U);
  EXPECT_EQ(found.tables, (Names{"RSDP 10000 24", "XSDT 11000 5c", "APIC 15000 24"}))
      << "a table listed twice is one table";
  EXPECT_EQ(found.root.value().duplicates, 1U);
}

TEST(AcpiRoot, ATableWithAWrongChecksumIsListedAsSuch) {
  Tables t;
  t.table(0x15000, "APIC");
  *t.at(0x15020) = 1;
  t.root<uint64_t>(0x11000, "XSDT", {0x15000});
  EXPECT_EQ(t.list(t.rsdp(0x10000, 2, 0, 0x11000)).tables.back(), "APIC 15000 24 bad");
}

TEST(AcpiRoot, ABadRsdpIsRefused) {
  Tables t;
  t.root<uint64_t>(0x11000, "XSDT", {});
  t.rsdp(0x10000, 2, 0, 0x11000);
  *t.at(0x10000) = 'X';
  EXPECT_STREQ(t.list(0x10000).root.error().what, "signature is not 'RSD PTR ' (address {:#x})");
  t.rsdp(0x10000, 2, 0, 0x11000);
  *t.at(0x1000a) ^= 1;
  EXPECT_STREQ(t.list(0x10000).root.error().what,
               "checksum of the first 20 bytes is wrong (address {:#x})");
  EXPECT_STREQ(t.list(0x1fff8).root.error().what, "address cannot be read (address {:#x})");
  EXPECT_STREQ(t.list(0).root.error().what, "address cannot be read (address {:#x})");
}

TEST(AcpiRoot, OfTooManyTablesTheFirstAreKept) {
  Tables t;
  std::vector<uint64_t> tables;
  // From the highest address down: the order is the root table's all the same.
  for (uint64_t i = 10; i > 0; --i) tables.push_back(t.table(0x15000 + 64 * i, "SSDT"));
  tables.insert(tables.begin() + 3, tables[1]);
  t.root<uint64_t>(0x11000, "XSDT", tables);
  const auto found = t.list(t.rsdp(0x10000, 2, 0, 0x11000), 8);
  ASSERT_TRUE(found.root.ok());
  EXPECT_EQ(found.tables,
            (Names{"RSDP 10000 24", "XSDT 11000 7c", "SSDT 15280 24", "SSDT 15240 24",
                   "SSDT 15200 24", "SSDT 151c0 24", "SSDT 15180 24", "SSDT 15140 24"}));
  EXPECT_EQ(found.root.value().left_out, 4U);
  EXPECT_EQ(found.root.value().duplicates, 1U);
  EXPECT_EQ(found.root.value().first_duplicate, Phys{0x15240});
}

// 4,000 pointers to one table: it is summed once, and the pointers are counted.
TEST(AcpiRoot, EachTableIsSummedOnce) {
  Tables t;
  t.table(0x1a000, "SSDT", std::vector<uint8_t>(0x4000));
  t.root<uint64_t>(0x11000, "XSDT", std::vector<uint64_t>(4000, 0x1a000));
  const auto found = t.list(t.rsdp(0x10000, 2, 0, 0x11000));
  ASSERT_TRUE(found.root.ok());
  EXPECT_EQ(found.root.value().bytes_summed, 0x4024U + 36 + 8 * 4000);
  EXPECT_EQ(found.root.value().duplicates, 3999U);
  EXPECT_EQ(found.root.value().first_duplicate, Phys{0x1a000});
  EXPECT_EQ(found.tables.back(), "SSDT 1a000 4024");
}

// Tables that overlap, each said to be almost as long as may be; and one that is longer.
TEST(AcpiRoot, NoMoreBytesAreSummedThanAnyMachineHas) {
  constexpr uint64_t kStart = 0x10000;
  std::vector<uint8_t> memory(2 * kMaxFirmwareTable);
  const auto put32 = [&](uint64_t address, uint64_t value) {
    for (int i = 0; i < 4; ++i) {
      memory[address - kStart + static_cast<uint64_t>(i)] = static_cast<uint8_t>(value >> 8 * i);
    }
  };
  const auto put = [&](uint64_t address, const char* text) {
    std::memcpy(&memory[address - kStart], text, std::strlen(text));
  };
  const auto fix = [&](uint64_t address, size_t size, size_t at) {
    uint8_t& sum = memory[address - kStart + at];
    sum = 0;
    sum = static_cast<uint8_t>(0 - acpi_checksum(&memory[address - kStart], size));
  };
  constexpr uint32_t kPointers = 100;
  put(0x10000, "RSD PTR ");
  put32(0x10010, 0x11000);
  put(0x11000, "RSDT");
  put32(0x11004, 36 + 4 * kPointers);
  for (uint32_t i = 0; i < kPointers; ++i) {
    const uint64_t table = 0x20000 + 64 * i;
    put32(0x11000 + 36 + 4 * i, table);
    put(table, "SSDT");
    put32(table + 4, i == 0 ? 128 * mm::kMiB : kMaxFirmwareTable - mm::kKiB);
  }
  fix(0x11000, 36 + 4 * kPointers, 9);
  fix(0x10000, 20, 8);
  std::vector<AcpiTable> tables(kMaxAcpiTables);
  const AcpiWalk walk(
      mm::DirectMap(reinterpret_cast<uintptr_t>(memory.data()) - kStart),
      [](const void*, mm::Range) { return true; }, nullptr);
  const auto root = walk.list(Phys{0x10000}, tables);
  ASSERT_TRUE(root.ok()) << root.error().what;
  EXPECT_LE(root.value().bytes_summed, kMaxAcpiBytes);
  EXPECT_EQ(root.value().tables, 6U) << "RSDP, RSDT and four more";
  EXPECT_EQ(root.value().skipped, 96U);
  EXPECT_STREQ(root.value().first_skipped.what,
               "table is longer than any (address {:#x}, length {})");
}

// As dmesg has them.
TEST(AcpiTables, AreToldAsLinuxTellsThem) {
  Tables t;
  std::memcpy(t.at(0x13000), "FACS", 4);
  t.put<uint32_t>(0x13004, 64);
  t.table(0x12000, "DSDT");
  t.table(0x14000, "FACP", fadt_body(0x13000, 0x12000, 0));
  t.table(0x15000, "SRAT", std::vector<uint8_t>(12));
  *t.at(0x15008) = 3;
  std::memcpy(t.at(0x1500a), "BOCHS BXPC    ", 14);
  t.put<uint32_t>(0x15018, 1);
  std::memcpy(t.at(0x1501c), "BXPC", 4);
  t.put<uint32_t>(0x15020, 2);
  t.fix_checksum(0x15000, 48, 9);
  t.table(0x16000, "SLIT");
  *t.at(0x16009) += 1;
  t.root<uint64_t>(0x11000, "XSDT", {0x14000, 0x15000, 0x16000, 0x15000, 0xdead0000});
  const uint64_t rsdp = t.rsdp(0x10000, 2, 0, 0x11000);
  std::memcpy(t.at(0x10009), "BOCHS ", 6);
  t.fix_checksum(0x10000, 20, 8);
  t.fix_checksum(0x10000, 36, 32);
  AcpiTables tables;
  ASSERT_TRUE(tables.find(rsdp, t.walk(), t.map()).ok());
  std::string text;
  tables.print(
      {[](void* to, std::string_view said) { static_cast<std::string*>(to)->append(said); },
       &text});
  EXPECT_NE(text.find("ACPI: RSDP 0x0000000000010000 000024 (v02 BOCHS )\n"), std::string::npos);
  EXPECT_NE(text.find("ACPI: FACS 0x0000000000013000 000040\n"), std::string::npos);
  EXPECT_NE(text.find("ACPI: SRAT 0x0000000000015000 000030 (v03 BOCHS  BXPC     00000001 BXPC "
                      "00000002)\n"),
            std::string::npos);
  EXPECT_NE(text.find("ACPI BIOS Warning (bug): Incorrect checksum in table [SLIT]: not used\n"),
            std::string::npos);
  EXPECT_NE(text.find("ACPI: 1 pointers lead to no table"), std::string::npos);
  EXPECT_NE(text.find("ACPI: 1 pointers lead to a table that is listed already, the first to "
                      "0x0000000000015000\n"),
            std::string::npos);
  // Of a signature, all its bytes; nothing where they are not to be believed.
  EXPECT_EQ(tables.table("SRAT").size(), 48U);
  EXPECT_EQ(tables.table("SRAT").data(), t.at(0x15000));
  EXPECT_TRUE(tables.table("SLIT").empty());
  EXPECT_TRUE(tables.table("HMAT").empty());
}

TEST(AcpiTables, NoRsdpIsNoError) {
  Tables t;
  AcpiTables tables;
  ASSERT_TRUE(tables.find(0, t.walk(), t.map()).ok());
  EXPECT_TRUE(tables.list().empty());
}

}  // namespace
}  // namespace loader
