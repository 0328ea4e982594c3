// The firmware's map in, e820 out: maps drawn in the test, the table expected beneath.
#include "loader/efi_memory_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace loader {
namespace {

using mm::E820Type;
using mm::Phys;

using T = EfiMemoryType;

struct Drawn {
  T type;
  uint64_t start, pages;
  uint64_t attributes = 0xf;
};

// Descriptors as a firmware lays them out: with a stride of its own, junk between.
struct Firmware {
  explicit Firmware(const std::vector<Drawn>& drawn, size_t stride_bytes = 48)
      : bytes(drawn.size() * stride_bytes, std::byte{0xee}), stride(stride_bytes) {
    for (size_t i = 0; i < drawn.size(); ++i) {
      const EfiDescriptor d{drawn[i].type,      0, drawn[i].start, 0, drawn[i].pages,
                            drawn[i].attributes};
      std::memcpy(&bytes[i * stride], &d, sizeof(d));
    }
  }
  [[nodiscard]] EfiMemoryMap map() const { return {bytes, stride}; }
  std::vector<std::byte> bytes;
  size_t stride;
};

struct Converted {
  std::vector<std::string> table;
  std::string findings;
  bool ok = false;
};

std::string number_name(E820Type type) {
  const char* name = mm::e820_type_name(type);
  return name != nullptr ? name : "type " + std::to_string(static_cast<unsigned>(type));
}

Converted convert(const EfiMemoryMap& map) {
  Converted c;
  const mm::Printer out(
      [](void* to, std::string_view text) { static_cast<std::string*>(to)->append(text); },
      &c.findings);
  std::vector<mm::E820Entry> storage(mm::E820Table::capacity_for(map.count()));
  mm::E820Table table(storage);
  c.ok = add_to_e820(map, table, out).ok();
  for (const mm::E820Entry& e : table.entries()) {
    char line[100];
    mm::format(line, "{:x}-{:x} {}", e.range.start, e.range.end, number_name(e.type).c_str());
    c.table.emplace_back(line);
  }
  return c;
}

using Table = std::vector<std::string>;

TEST(EfiMap, BecomesE820AsLinuxHasIt) {
  const Firmware firmware({
      {T::BootServicesCode, 0x0, 1},
      {T::Conventional, 0x1000, 0x9f},
      {T::Conventional, 0x100000, 0x700},
      {T::AcpiNvs, 0x800000, 8},
      {T::Conventional, 0x808000, 8},
      {T::LoaderCode, 0x810000, 0x10},
      {T::LoaderData, 0x820000, 0x10},
      {T::BootServicesData, 0x830000, 0x10},
      {T::RuntimeServicesCode, 0x840000, 0x10},
      {T::RuntimeServicesData, 0x850000, 0x10},
      {T::Reserved, 0x860000, 0x10},
      {T::AcpiReclaim, 0x870000, 0x10},
      {T::Unusable, 0x880000, 0x10},
      {T::MemoryMappedIo, 0xe0000000, 0x10},
      {T::MemoryMappedIoPortSpace, 0xe0010000, 0x10},
      {T::PalCode, 0xe0020000, 0x10},
      {T::Persistent, 0x100000000, 0x10},
      {T::Conventional, 0x100010000, 0x10, 0xf | kEfiMemorySpecificPurpose},
      {T::Unaccepted, 0x100020000, 0x10},
  });
  const Converted c = convert(firmware.map());
  EXPECT_TRUE(c.ok);
  EXPECT_EQ(c.findings, "");
  EXPECT_EQ(c.table, (Table{
                         "0-a0000 usable",
                         "100000-800000 usable",
                         "800000-808000 ACPI NVS",
                         "808000-840000 usable",
                         "840000-870000 reserved",
                         "870000-880000 ACPI data",
                         "880000-890000 unusable",
                         "e0000000-e0030000 reserved",
                         "100000000-100010000 persistent (type 7)",
                         "100010000-100020000 soft reserved",
                         "100020000-100030000 unaccepted",
                     }));
}

TEST(EfiMap, UnknownTypesAreReservedNeverDropped) {
  const Firmware firmware({{static_cast<T>(16), 0x1000, 1},
                           {static_cast<T>(0x70000001), 0x3000, 1},
                           {static_cast<T>(0x80000000), 0x5000, 1}});
  EXPECT_EQ(convert(firmware.map()).table,
            (Table{"1000-2000 reserved", "3000-4000 reserved", "5000-6000 reserved"}));
}

TEST(EfiMap, WhereTypesOverlapTheStricterWins) {
  // usable     |----------------------------|
  // NVS             |-----------|
  // reserved             |----------|
  const Firmware firmware(
      {{T::Conventional, 0x10000, 0x30}, {T::AcpiNvs, 0x14000, 0xc}, {T::Reserved, 0x1c000, 0xc}});
  EXPECT_EQ(convert(firmware.map()).table, (Table{"10000-14000 usable", "14000-1c000 ACPI NVS",
                                                  "1c000-28000 reserved", "28000-40000 usable"}));
}

TEST(EfiMap, OrderDoesNotMatter) {
  std::vector<Drawn> drawn{{T::Conventional, 0x10000, 0x30}, {T::AcpiNvs, 0x14000, 0xc},
                           {T::Reserved, 0x1c000, 0xc},      {T::Unusable, 0x1e000, 2},
                           {T::AcpiReclaim, 0x13000, 3},     {T::Unaccepted, 0x3e000, 4}};
  std::sort(drawn.begin(), drawn.end(), [](auto& a, auto& b) { return a.start < b.start; });
  const Table expected = convert(Firmware(drawn).map()).table;
  const auto less = [](const Drawn& a, const Drawn& b) { return a.start < b.start; };
  int orders = 0;
  do {
    EXPECT_EQ(convert(Firmware(drawn).map()).table, expected);
    ++orders;
  } while (std::next_permutation(drawn.begin(), drawn.end(), less));
  EXPECT_EQ(orders, 720);
}

TEST(EfiMap, AnyStrideAndAnyCount) {
  for (const size_t stride : {40, 48, 56, 99}) {
    std::vector<Drawn> drawn;
    for (uint64_t i = 0; i < 5000; ++i) {
      drawn.push_back({i % 2 ? T::Reserved : T::Conventional, i * 0x2000, 1});
    }
    std::reverse(drawn.begin(), drawn.end());
    const Converted c = convert(Firmware(drawn, stride).map());
    EXPECT_TRUE(c.ok);
    ASSERT_EQ(c.table.size(), 5000U);
    EXPECT_EQ(c.table.back(), "270e000-270f000 reserved");
  }
}

TEST(EfiMap, DescriptorsThatCannotBeRightAreNamedOneByOne) {
  const Firmware firmware({
      {T::Conventional, 0x1000, 1},
      {T::Conventional, 0x5000, 0},                  // no pages
      {T::Conventional, 0xfffffffffffff000, 2},      // wraps
      {T::Conventional, 0x2000, uint64_t{1} << 60},  // its size wraps
      {T::Reserved, 0x000fffffffffe000, 5},          // ends above 52 bits
      {T::Conventional, 0x8000, 1},
  });
  const Converted c = convert(firmware.map());
  EXPECT_TRUE(c.ok);
  EXPECT_EQ(c.table, (Table{"1000-2000 usable", "8000-9000 usable",
                            "fffffffffe000-10000000000000 reserved"}));
  EXPECT_EQ(
      c.findings,
      "efi: mem01: skipped: Conventional: EFI descriptor: no pages (start 0x5000)\nefi: mem02: "
      "skipped: Conventional: EFI descriptor: ends above the 52-bit physical address space (start "
      "0xfffffffffffff000, pages 2)\nefi: mem03: skipped: Conventional: EFI descriptor: ends above "
      "the 52-bit physical address space (start 0x2000, pages 1152921504606846976)\nefi: mem04: "
      "kept to the end of the address space: Reserved: EFI descriptor: ends above the 52-bit "
      "physical address space (start 0xfffffffffe000, pages 5)\n");
}

TEST(EfiMap, FirstRam) {
  const Firmware arm({{T::MemoryMappedIo, 0x900'0000, 1},
                      {T::Reserved, 0x3000'0000, 1},
                      {T::Conventional, 0x8000'0000, 0x100},
                      {T::Conventional, 0x100'0000, 0},  // no pages
                      {T::RuntimeServicesData, 0x4000'0000, 0x10}});
  EXPECT_EQ(first_ram(arm.map()), Phys{0x4000'0000});
  EXPECT_EQ(first_ram(EfiMemoryMap()), Phys{0});
}

TEST(EfiMap, AWrongFormIsRefused) {
  const std::vector<std::byte> bytes(96);
  EXPECT_FALSE(EfiMemoryMap(bytes, 32).check().ok()) << "stride below a descriptor's size";
  EXPECT_FALSE(EfiMemoryMap(bytes, 0).check().ok());
  EXPECT_FALSE(EfiMemoryMap(bytes, 40).check().ok()) << "not a multiple";
  EXPECT_FALSE(EfiMemoryMap({}, 48).check().ok()) << "nothing";
  EXPECT_TRUE(EfiMemoryMap(bytes, 48).check().ok());
}

TEST(EfiMap, ATableThatIsFullIsAnError) {
  const Firmware firmware({{T::Conventional, 0x1000, 1}, {T::Reserved, 0x9000, 1}});
  std::vector<mm::E820Entry> storage(1);
  mm::E820Table table(storage);
  const auto result = add_to_e820(firmware.map(), table, {});
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().what, "table is full (entries {}, room {})");
}

}  // namespace
}  // namespace loader
