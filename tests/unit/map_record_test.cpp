// The firmware's map from start to start: what is kept, what a file must be like, what has moved.
#include "loader/map_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "loader/bad_pages.h"

namespace loader {
namespace {

using Type = EfiMemoryType;
using Map = std::vector<MapRange>;

constexpr MapDate kDate{2026, 11, 20, 5, 9};

struct Heard {
  std::string text;
  [[nodiscard]] mm::Printer printer() {
    return {[](void* to, std::string_view said) { static_cast<Heard*>(to)->text += said; }, this};
  }
};

MapRange pages(uint64_t start, uint64_t count, Type type) {
  return {{mm::Phys{start}, mm::Phys{start + count * mm::kPageSize}}, type};
}

std::string file_of(const Map& map, const MapDate& since = kDate) {
  Heard heard;
  print_map_record(map, since, heard.printer());
  return heard.text;
}

struct Parsed {
  mm::Result<MapRecord> record;
  Map map;
};
Parsed parse(const std::string& text) {
  Map map(most_map_ranges(text));
  auto record = parse_map_record(text, "map.txt", map);
  map.resize(record.ok() ? record.value().count : 0);
  return {record, map};
}
std::string wrong_with(const std::string& text) {
  const Parsed parsed = parse(text);
  if (parsed.record.ok()) return "";
  Heard heard;
  heard.printer().error("map", parsed.record.error());
  return heard.text;
}

std::vector<MapChange> compare(Map before, Map after) {
  std::vector<MapChange> changes(map_changes_room(before.size(), after.size()));
  changes.resize(compare_maps(before, after, changes));
  return changes;
}
std::string told(const Map& before, const Map& after) {
  Heard heard;
  print_map_changes(compare(before, after), kDate, heard.printer());
  return heard.text;
}

const Map kPc{
    pages(0x1000, 0x9f, Type::Conventional),
    pages(0x100000, 0x7ef00, Type::Conventional),
    pages(0x7f000000, 16, Type::AcpiNvs),
    pages(0x7f010000, 8, Type::AcpiReclaim),
    pages(0x7f018000, 32, Type::RuntimeServicesData),
    pages(0xe0000000, 0x10000, Type::Reserved),
};
const std::string kHeader = "the firmware's memory map has changed since 2026-11-20 05:09\n";

EfiDescriptor descriptor(Type type, uint64_t start, uint64_t count) {
  constexpr uint64_t kWriteBack = 8;
  return {type, 0, start, 0, count, kWriteBack};
}
Map recorded(const std::vector<EfiDescriptor>& map, const std::vector<mm::Range>& listed = {}) {
  Map out(map.size());
  out.resize(record_map({std::as_bytes(std::span(map)), sizeof(EfiDescriptor)}, listed, out));
  return out;
}

TEST(MapRecord, NoMoreRangesThanThereIsRoomFor) {
  const std::string file = file_of(kPc);
  Map room(kPc.size() - 1);
  EXPECT_FALSE(parse_map_record(file, "map.txt", room).ok());
  // The shortest line that could be one still has its type's name.
  std::string bare = file;
  const size_t name = bare.find(" 7 ");
  ASSERT_NE(name, std::string::npos);
  bare.erase(name + 2, bare.find('\n', name) - name - 2);
  EXPECT_NE(wrong_with(bare).find("is no range"), std::string::npos) << wrong_with(bare);
  EXPECT_LE(std::count(file.begin(), file.end(), '\n') - 4,
            static_cast<ptrdiff_t>(most_map_ranges(file)));
}

// Pages that the guard took earlier, before the power went, have not moved.
TEST(MapRecord, WhatAnEarlierStartTookIsAsItWas) {
  const Map before{pages(0x100000, 0x1000, Type::Conventional), pages(0x1100000, 4, Type::Unusable),
                   pages(0x1200000, 4, Type::Reserved)};
  const std::vector<mm::Range> listed{
      {mm::Phys{0x200000}, mm::Phys{0x203000}},  // taken as it is listed
      {mm::Phys{0x300000}, mm::Phys{0x301000}},  // with the next one, and what is between
      {mm::Phys{0x310000}, mm::Phys{0x312000}},
      {mm::Phys{0x10ff000}, mm::Phys{0x1101000}},  // that, but the firmware's own begins there
  };
  const std::vector<EfiDescriptor> after{
      descriptor(Type::Conventional, 0x100000, 0x100), descriptor(Type::Unusable, 0x200000, 3),
      descriptor(Type::Conventional, 0x203000, 0xfd),  descriptor(Type::Reserved, 0x300000, 0x12),
      descriptor(Type::Conventional, 0x312000, 0xdee), descriptor(Type::Unusable, 0x1100000, 4),
      descriptor(Type::Reserved, 0x1200000, 4)};
  EXPECT_EQ(recorded(after, listed), before);
  EXPECT_EQ(recorded(after).size(), 7U) << "what nobody listed is the firmware's";
}

TEST(BadPages, WhatWasTakenForAList) {
  const auto range = [](uint64_t start, uint64_t end) {
    return mm::Range{mm::Phys{start}, mm::Phys{end}};
  };
  const std::vector<mm::Range> listed{range(0x1000, 0x2000), range(0x102000, 0x103000),
                                      range(0x204000, 0x205000)};
  EXPECT_TRUE(is_of_list(listed, range(0x1000, 0x2000)));
  EXPECT_TRUE(is_of_list(listed, range(0x1000, 0x103000))) << "a MiB between them";
  EXPECT_FALSE(is_of_list(listed, range(0x1000, 0x205000))) << "a page more";
  EXPECT_FALSE(is_of_list(listed, range(0x1000, 0x3000))) << "it ends between them";
  EXPECT_FALSE(is_of_list(listed, range(0x2000, 0x103000))) << "it begins between them";
  EXPECT_FALSE(is_of_list(listed, range(0x0, 0x2000)));
  EXPECT_FALSE(is_of_list(listed, range(0x204000, 0x206000)));
  EXPECT_FALSE(is_of_list({}, range(0x0, 0x1000)));
}

TEST(MapRecord, AClockThatSaysWhatCannotBeIsNone) {
  for (const MapDate& date :
       {map_date(10000, 1, 1, 1, 1), map_date(2026, 13, 1, 1, 1), map_date(2026, 1, 32, 1, 1),
        map_date(2026, 1, 1, 45, 1), map_date(2026, 1, 1, 1, 60)}) {
    EXPECT_EQ(date.year, 0);
    EXPECT_TRUE(parse(file_of(kPc, date)).record.ok());
  }
  EXPECT_EQ(map_date(2026, 12, 31, 23, 59).minute, 59);
}

TEST(MapRecord, WhatIsFreeAfterwardsIsOneWhoeverHasItNow) {
  const std::vector<EfiDescriptor> before{
      descriptor(Type::AcpiNvs, 0x9000, 1),          descriptor(Type::Conventional, 0x1000, 4),
      descriptor(Type::BootServicesData, 0x5000, 4), descriptor(Type::Reserved, 0, 0),
      descriptor(Type::Reserved, 0xb000, 1),
  };
  const std::vector<EfiDescriptor> after{
      descriptor(Type::BootServicesCode, 0x1000, 1), descriptor(Type::LoaderData, 0x2000, 6),
      descriptor(Type::LoaderCode, 0x8000, 1),       descriptor(Type::AcpiNvs, 0x9000, 1),
      descriptor(Type::Reserved, 0xb000, 1),
  };
  const Map expected{pages(0x1000, 8, Type::Conventional), pages(0x9000, 1, Type::AcpiNvs),
                     pages(0xb000, 1, Type::Reserved)};
  EXPECT_EQ(recorded(before), expected);
  EXPECT_EQ(recorded(after), expected);
}

TEST(MapRecord, TheFileIsReadAsItWasWritten) {
  const std::string text = file_of(kPc);
  const Parsed parsed = parse(text);
  ASSERT_TRUE(parsed.record.ok()) << wrong_with(text);
  EXPECT_EQ(parsed.map, kPc);
  EXPECT_EQ(file_of(parsed.map, parsed.record.value().since), text);
  EXPECT_NE(text.find("\n000000007f000000-000000007f00ffff 10 ACPI Mem NVS\n"), std::string::npos);
  const std::string undated = file_of(kPc, {});
  EXPECT_NE(undated.find("since no clock\n"), std::string::npos);
  EXPECT_TRUE(parse(undated).record.ok());
}

TEST(MapRecord, AFileCutOffAnywhereIsNamed) {
  const std::string text = file_of(kPc);
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_NE(wrong_with(text.substr(0, length)), "") << length;
  }
}

TEST(MapRecord, AFileDamagedAnywhereIsNamed) {
  const std::string text = file_of(kPc);
  for (size_t at = 0; at < text.size(); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_NE(wrong_with(damaged), "") << at;
  }
  EXPECT_NE(wrong_with(text + "\n"), "");
}

TEST(MapRecord, WhatIsWrongIsNamedByItsLine) {
  EXPECT_EQ(wrong_with(""), "map: map.txt: does not begin as Baton's does\n");
  std::string text = file_of(kPc);
  EXPECT_EQ(wrong_with(text.substr(0, text.size() - 1)),
            "map: map.txt: ends in line 10: it was not written whole\n");
  text.replace(text.find("2026-11"), 7, "2026-13");
  EXPECT_EQ(wrong_with(text), "map: map.txt: line 3 is no date\n");
  // Whole and summed up, but not what a map can be.
  Map odd = kPc;
  std::swap(odd[2], odd[3]);
  EXPECT_EQ(wrong_with(file_of(odd)), "map: map.txt: line 7 is no range, or out of order\n");
  odd = kPc;
  odd[1].range.end = odd[1].range.start;
  EXPECT_EQ(wrong_with(file_of(odd)), "map: map.txt: line 5 is no range, or out of order\n");
  odd = kPc;
  odd[1].range.end = odd[1].range.end + 1;
  EXPECT_EQ(wrong_with(file_of(odd)), "map: map.txt: line 5 is no range, or out of order\n");
}

TEST(MapRecord, NothingMoved) {
  EXPECT_EQ(told(kPc, kPc), "the firmware's memory map is the same since 2026-11-20 05:09\n");
}

TEST(MapRecord, ARangeThatMovedByAPage) {
  Map after = kPc;
  after[1] = pages(0x100000, 0x7eeff, Type::Conventional);
  after[2] = pages(0x7efff000, 16, Type::AcpiNvs);
  EXPECT_EQ(told(kPc, after), kHeader +
                                  "  usable memory is 4 KiB less: 2031 MiB\n"
                                  "  ACPI Mem NVS at 0x7f000000, 16 pages, moved by -1 page\n");
}

TEST(MapRecord, EachOtherChange) {
  Map after = kPc;
  after[3] = pages(0x7f010000, 6, Type::AcpiReclaim);           // two pages shorter,
  after[4] = pages(0x7f016000, 34, Type::RuntimeServicesData);  // which that has now
  after[5].type = Type::MemoryMappedIo;
  after.push_back(pages(0xff000000, 16, Type::Reserved));
  EXPECT_EQ(told(kPc, after),
            kHeader +
                "  ACPI Reclaim at 0x7f010000, 8 pages, shrank by 2 pages at its end\n"
                "  Runtime Data at 0x7f018000, 32 pages, grew by 2 pages at its beginning\n"
                "  Reserved at 0xe0000000, 65536 pages, is now MMIO\n"
                "  Reserved at 0xff000000, 16 pages, is new\n");
  EXPECT_NE(told(after, kPc).find("  Reserved at 0xff000000, 16 pages, is no longer there\n"),
            std::string::npos);
}

TEST(MapRecord, OneThatMovedFarAndGrewIsStillTheSame) {
  Map after = kPc;
  after[2] = pages(0x7e000000, 20, Type::AcpiNvs);
  std::rotate(after.begin() + 1, after.begin() + 2, after.begin() + 3);
  after[1].range = after[1].range;
  EXPECT_NE(
      told(kPc, after)
          .find(
              "  ACPI Mem NVS at 0x7f000000, 16 pages, moved by -4096 pages and grew by 4 pages\n"),
      std::string::npos)
      << told(kPc, after);
}

TEST(MapRecord, UsableMemoryThatOnlyLiesElsewhere) {
  Map after = kPc;
  after[0] = pages(0x2000, 0x9f, Type::Conventional);
  EXPECT_EQ(told(kPc, after), kHeader + "  usable memory lies elsewhere\n");
}

TEST(MapRecord, WhatMustStayForAMachineThatSleepsOnDisk) {
  const auto any = [](const std::vector<MapChange>& changes) {
    return std::any_of(changes.begin(), changes.end(),
                       [](const MapChange& change) { return must_stay(change); });
  };
  for (size_t i = 0; i < kPc.size(); ++i) {
    const bool stays = i >= 2 && i <= 4;
    Map shorter = kPc;
    shorter[i].range.end = shorter[i].range.end - mm::kPageSize;
    EXPECT_EQ(any(compare(kPc, shorter)), stays) << i;
    Map without = kPc;
    without.erase(without.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_EQ(any(compare(kPc, without)), stays) << i;
    EXPECT_EQ(any(compare(without, kPc)), stays) << i;
  }
}

TEST(MapRecord, OfVeryManyChangesTheFirstAreToldAndTheOthersCounted) {
  Map after = kPc;
  for (uint64_t i = 0; i < 100; ++i) {
    after.push_back(pages(0xff000000 + i * 0x2000, 1, static_cast<Type>(0x7fff'fff0)));
  }
  const std::string text = told(kPc, after);
  EXPECT_NE(text.find("\n  and 76 more\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  type 0x7ffffff0 at 0xff000000, 1 page, is new\n"), std::string::npos);
  EXPECT_LE(text.size(), 4095U);
}

}  // namespace
}  // namespace loader
