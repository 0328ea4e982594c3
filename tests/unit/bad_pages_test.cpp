// The list of bad pages on the ESP, what a run adds to it, and what is taken from the firmware.
#include "loader/bad_pages.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace {

using loader::BadPagesEntry;
using loader::BadPagesHead;
using loader::EfiMemoryType;
using mm::Phys;
using mm::Range;

struct Heard {
  std::string text;
  [[nodiscard]] mm::Printer printer() {
    return {[](void* to, std::string_view said) { static_cast<Heard*>(to)->text += said; }, this};
  }
};

Range pages(uint64_t start, uint64_t end) { return {Phys{start}, Phys{end}}; }

std::vector<Range> read(const std::string& text, std::string* said = nullptr) {
  std::vector<Range> ranges(loader::most_bad_ranges(text));
  Heard heard;
  ranges.resize(loader::read_bad_pages(text, "list", ranges, heard.printer()));
  if (said != nullptr) *said = heard.text;
  return ranges;
}

TEST(BadPages, ALineIsAPageOrARange) {
  std::string said;
  const auto ranges = read(
      "# remarks\r\n"
      "\n"
      "0x7f4ec123 seen by memtest86+\r\n"
      "  0x1234000-0x1235fff\n"
      "1000-1001 two pages? one\n"
      "0x1236000-0x1236008 touches the other\n",
      &said);
  EXPECT_EQ(said, "");
  EXPECT_EQ(ranges, (std::vector{pages(0x1000, 0x2000), pages(0x1234000, 0x1237000),
                                 pages(0x7f4ec000, 0x7f4ed000)}));
}

struct Wrong {
  const char* line;
  const char* said;
};
class BadPagesWrong : public testing::TestWithParam<Wrong> {};
TEST_P(BadPagesWrong, IsNamedAndLeftOut) {
  std::string said;
  const auto ranges = read(std::string("0x5000\n") + GetParam().line, &said);
  EXPECT_EQ(ranges, std::vector{pages(0x5000, 0x6000)});
  EXPECT_EQ(said, std::string("list: line 2 ignored: ") + GetParam().said + "\n");
}
INSTANTIATE_TEST_SUITE_P(
    Lines, BadPagesWrong,
    testing::Values(Wrong{"page 5\n", "it does not begin with an address below 2^52"},
                    Wrong{"0x10000000000000-0x10000000000fff\n",
                          "it does not begin with an address below 2^52"},
                    Wrong{"0x123456789012345678\n", "it does not begin with an address below 2^52"},
                    Wrong{"0x2000-\n", "no address below 2^52 follows the -"},
                    Wrong{"bad 0x2000\n", "it does not begin with an address below 2^52"},
                    Wrong{"0x2000 - 0x3fff\n", "blanks stand before the -"},
                    Wrong{"0x2000-0x1fff\n", "its last address is below its first"},
                    Wrong{"0x2000;0x3000\n", "a blank is to follow the address"},
                    Wrong{"0x7000", "it has no end and may be cut off; press Enter behind it"},
                    Wrong{"0x7000 memtest sum=00000000\n",
                          "its sum is another; delete it with the sum, or only the sum"},
                    Wrong{"0x7000 memtest sum=0000\n",
                          "its sum is another; delete it with the sum, or only the sum"}));

TEST(BadPages, OfVeryManyWrongLinesTheFirstAreNamed) {
  std::string text, said;
  for (int i = 0; i < 100; ++i) text += "nonsense\n";
  EXPECT_TRUE(read(text + "0x5000\n", &said).size() == 1);
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 17);
  EXPECT_NE(said.find("list: 84 more lines ignored\n"), std::string::npos);
}

TEST(BadPages, OfAPersonInTheConfiguration) {
  std::vector<Range> ranges(loader::most_bad_ranges("0x1000-0x1fff, 0x9000\tx 0x3000"));
  Heard heard;
  ranges.resize(loader::read_bad_words("0x1000-0x1fff, 0x9000\tx 0x3000", "badpages", ranges,
                                       heard.printer()));
  EXPECT_EQ(ranges,
            (std::vector{pages(0x1000, 0x2000), pages(0x3000, 0x4000), pages(0x9000, 0xa000)}));
  EXPECT_EQ(heard.text, "badpages: \"x\" ignored: it does not begin with an address below 2^52\n");
}

BadPagesEntry entry(uint64_t start, uint64_t end, const char* found_by, const char* module = "") {
  BadPagesEntry made{pages(start, end), {}, {}};
  std::strncpy(made.found_by, found_by, sizeof(made.found_by) - 1);
  std::strncpy(made.module, module, sizeof(made.module) - 1);
  return made;
}

std::vector<uint8_t> stored(const std::vector<BadPagesEntry>& entries, BadPagesHead head = {}) {
  std::vector<uint8_t> bytes(sizeof head + entries.size() * sizeof(BadPagesEntry));
  std::memcpy(bytes.data() + sizeof head, entries.data(), entries.size() * sizeof(BadPagesEntry));
  head.count = static_cast<uint16_t>(entries.size());
  head.crc = loader::crc32(std::span(bytes).subspan(sizeof head));
  std::memcpy(bytes.data(), &head, sizeof head);
  return bytes;
}

std::string merged(const std::string& before, const std::vector<BadPagesEntry>& entries,
                   size_t added, BadPagesHead head = {}) {
  const auto bytes = stored(entries, head);
  const auto found = loader::parse_found(bytes);
  EXPECT_TRUE(found.ok());
  Heard heard;
  EXPECT_EQ(loader::write_bad_pages(before, read(before), found.value(), heard.printer()), added);
  return heard.text;
}

TEST(BadPages, WhatARunFoundIsAddedAndReadAgain) {
  BadPagesHead head;
  head.year = 2026;
  head.month = 11;
  head.day = 7;
  const std::string first = merged(
      "", {entry(0x7000, 0x8000, "memtest.own-address", "DIMM A2"), entry(0x9000, 0xb000, "mce")},
      2, head);
  EXPECT_NE(first.find("0x0000000000007000-0x0000000000007fff 2026-11-07 memtest.own-address in "
                       "DIMM A2 sum="),
            std::string::npos)
      << first;
  EXPECT_TRUE(loader::is_whole(first));
  std::string said;
  EXPECT_EQ(read(first, &said), (std::vector{pages(0x7000, 0x8000), pages(0x9000, 0xb000)}));
  EXPECT_EQ(said, "");

  // What is known is not written twice; what a person wrote stays as it is.
  const std::string edited = "# mine\n0x10000-0x1ffff  the slot is worn\n" + first;
  const std::string second =
      merged(edited, {entry(0x12000, 0x13000, "memtest"), entry(0x30000, 0x31000, "memtest")}, 1);
  EXPECT_EQ(second.find(edited.substr(0, edited.find("# end"))), 0U);
  EXPECT_EQ(second.find("# end"), second.rfind("# end"));
  EXPECT_EQ(read(second).size(), 4U) << second;
}

TEST(BadPages, ATornListIsSeenAndItsLastLineDoesNotCount) {
  const std::string whole = merged("", {entry(0x7000, 0x8000, "memtest.own-address")}, 1);
  for (size_t length = 0; length < whole.size() - 1; ++length) {
    const std::string torn = whole.substr(0, length);
    EXPECT_EQ(loader::is_whole(torn), length >= whole.rfind("list") + 4) << torn;
    for (const Range& range : read(torn)) EXPECT_EQ(range, pages(0x7000, 0x8000)) << torn;
    // Nor does it when the list is written anew.
    const std::string again = merged(torn, {entry(0x20000, 0x21000, "memtest")}, 1);
    for (const Range& range : read(again)) {
      EXPECT_TRUE(range == pages(0x7000, 0x8000) || range == pages(0x20000, 0x21000)) << again;
    }
  }
}

TEST(BadPages, AVariableThatIsDamagedIsRefused) {
  const auto good = stored({entry(0x7000, 0x8000, "memtest")});
  EXPECT_TRUE(loader::parse_found(good).ok());
  for (size_t i = 0; i < good.size(); ++i) {
    if (i >= 8 && i < 12) continue;  // the date is nobody's business
    auto bytes = good;
    bytes[i] ^= 1;
    EXPECT_FALSE(loader::parse_found(bytes).ok()) << i;
    EXPECT_FALSE(loader::parse_found(std::span(good).first(i)).ok()) << i;
  }
  for (const BadPagesEntry& wrong :
       {entry(0x7000, 0x7000, "x"), entry(0x7001, 0x8001, "x"), entry(0, uint64_t{1} << 53, "x"),
        entry(0x7000, 0x8000, "a\nb"), entry(0x7000, 0x8000, "x", "\x7f")}) {
    EXPECT_FALSE(loader::parse_found(stored({wrong})).ok());
  }
  auto endless = entry(0x7000, 0x8000, "x");
  std::memset(endless.module, 'a', sizeof(endless.module));
  EXPECT_FALSE(loader::parse_found(stored({endless})).ok());
}

// --- Keeping them ---

struct Map {
  std::vector<loader::EfiDescriptor> descriptors;
  Map& add(EfiMemoryType type, uint64_t start, uint64_t end) {
    descriptors.push_back({type, 0, start, 0, (end - start) / mm::kPageSize, 0});
    return *this;
  }
  [[nodiscard]] loader::EfiMemoryMap view() const {
    return {std::as_bytes(std::span(descriptors)), sizeof(loader::EfiDescriptor)};
  }
};

struct Plan {
  loader::Withholding numbers;
  std::vector<Range> take;
  std::vector<loader::HeldPages> held;
};
Plan plan(const Map& map, const std::vector<Range>& bad) {
  const size_t room = loader::withholding_room(bad.size(), map.descriptors.size());
  Plan made{{}, std::vector<Range>(room), std::vector<loader::HeldPages>(room)};
  const auto numbers = loader::plan_withholding(map.view(), bad, made.take, made.held);
  EXPECT_TRUE(numbers.ok());
  made.numbers = numbers.value();
  made.take.resize(made.numbers.take);
  made.held.resize(made.numbers.held);
  return made;
}

TEST(Withholding, WhatIsFreeIsTakenAndTheRestIsNamed) {
  Map map;
  map.add(EfiMemoryType::BootServicesData, 0x8000, 0xa000)
      .add(EfiMemoryType::Conventional, 0x1000, 0x8000)
      .add(EfiMemoryType::Unusable, 0xa000, 0xb000);
  const Plan made =
      plan(map, {pages(0x2000, 0x3000), pages(0x7000, 0xb000), pages(0xf000, 0x11000)});
  EXPECT_EQ(made.take, (std::vector{pages(0x2000, 0x3000), pages(0x7000, 0x8000)}));
  ASSERT_EQ(made.held.size(), 1U);
  EXPECT_EQ(made.held[0].range, pages(0x8000, 0xa000));
  EXPECT_EQ(made.held[0].type, EfiMemoryType::BootServicesData);
  EXPECT_EQ(made.numbers.nowhere, 0x2000U);
  EXPECT_EQ(made.numbers.good, 0U);
}

TEST(Withholding, BeyondSixtyFourNeighboursAreJoinedInsideOfWhatIsFree) {
  Map map;
  map.add(EfiMemoryType::Conventional, 0, 0x100000)
      .add(EfiMemoryType::RuntimeServicesData, 0x100000, 0x101000)
      .add(EfiMemoryType::Conventional, 0x101000, 0x1000000);
  std::vector<Range> bad{pages(0xff000, 0x100000), pages(0x101000, 0x102000)};  // not to be joined
  uint64_t at = 0x200000;
  for (unsigned i = 0; i < 63; ++i) {
    bad.push_back(pages(at, at + 0x1000));
    at += i == 7 ? 0x3000 : 0x5000;
  }
  const Plan made = plan(map, bad);
  EXPECT_EQ(made.take.size(), loader::kMostWithheld);
  EXPECT_EQ(made.numbers.good, 0x2000U);
  EXPECT_EQ(made.take[0], bad[0]);
  EXPECT_EQ(made.take[1], bad[1]);
  EXPECT_EQ(made.take[9], pages(bad[9].start.v, bad[10].end.v));
  for (const Range& one : bad) {
    EXPECT_TRUE(std::any_of(made.take.begin(), made.take.end(), [&](const Range& range) {
      return range.start <= one.start && one.end <= range.end;
    }));
  }
}

TEST(Withholding, WhatIsFarApartIsNotJoinedHoweverMuchThereIs) {
  Map map;
  map.add(EfiMemoryType::Conventional, 0, uint64_t{1} << 32);
  std::vector<Range> bad;
  for (uint64_t i = 1; i <= 100; ++i) bad.push_back(pages(i << 25, (i << 25) + 0x1000));
  const Plan made = plan(map, bad);
  EXPECT_EQ(made.take, bad);
  EXPECT_EQ(made.numbers.good, 0U);
}

// Somebody lists more than any machine could do without: nothing of it is taken.
TEST(Withholding, MoreThanHalfOfWhatIsFreeIsNotBelieved) {
  constexpr uint64_t kMib = mm::kMiB, kGib = mm::kGiB;
  Map map;
  map.add(EfiMemoryType::Conventional, 0x1000, 0x9f000)
      .add(EfiMemoryType::Conventional, kMib, 2 * kGib)
      .add(EfiMemoryType::Conventional, 4 * kGib, 64 * kGib);
  struct Listed {
    Range range;
    const char* below;  // null: it is believed
  };
  const Listed kLists[] = {
      {pages(0x1000, 0x50000), nullptr},     {pages(0x1000, 0x51000), "0x100000"},
      {pages(kMib, kGib), nullptr},          {pages(kMib, kGib + 2 * kMib), "0x100000000"},
      {pages(4 * kGib, 34 * kGib), nullptr}, {pages(4 * kGib, 36 * kGib), "0x10000000000000"},
      {pages(0, mm::kMaxPhys), "0x100000"}};
  for (const Listed& list : kLists) {
    std::vector<Range> take(8);
    std::vector<loader::HeldPages> held(8);
    const auto made = loader::plan_withholding(map.view(), {&list.range, 1}, take, held);
    EXPECT_EQ(made.ok(), list.below == nullptr) << list.range.start.v << ' ' << list.range.end.v;
    if (made.ok()) continue;
    Heard heard;
    heard.printer().error("bad pages", made.error());
    EXPECT_NE(heard.text.find(std::string(" free below ") + list.below + ": not believed"),
              std::string::npos)
        << heard.text;
  }
}

TEST(Withholding, DescriptorsThatAllOverlapAreAnErrorAndNoOverflow) {
  Map map;
  for (int i = 0; i < 8; ++i) map.add(EfiMemoryType::Conventional, 0, 0x100000);
  const std::vector<Range> bad{pages(0x1000, 0x2000), pages(0x4000, 0x5000), pages(0x7000, 0x8000)};
  const size_t room = loader::withholding_room(bad.size(), map.descriptors.size());
  std::vector<Range> take(room);
  std::vector<loader::HeldPages> held(room);
  EXPECT_FALSE(loader::plan_withholding(map.view(), bad, take, held).ok());
}

}  // namespace
