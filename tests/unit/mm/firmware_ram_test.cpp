#include "mm/firmware_ram.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/drawn_machine.h"
#include "tests/support/own_e820.h"

namespace {

using mm::E820Entry;
using mm::E820Type;
using mm::FirmwareRam;
using mm::Phys;
using mm::Range;

E820Entry entry(uint64_t start, uint64_t end, E820Type type = E820Type::Ram) {
  return {{Phys{start}, Phys{end}}, type};
}

// A firmware's list and the e820 that is made of it, until a test spoils that.
struct Lists : test::OwnE820 {
  std::vector<E820Entry> said;

  explicit Lists(std::vector<E820Entry> list) : said(std::move(list)) {
    for (const E820Entry& e : said) test::must(e820.append(e.range, e.type));
  }
  [[nodiscard]] FirmwareRam account() const {
    const FirmwareRam ram = test::firmware_ram(said, e820);
    EXPECT_EQ(ram.claimed + ram.invented, ram.twice + ram.stricter + ram.lost + ram.usable);
    return ram;
  }
};

TEST(FirmwareRam, AllOfItIsUsable) {
  const Lists lists({entry(0, 0xa0000), entry(0xf0000, 0x100000, E820Type::Reserved),
                     entry(0x100000, 0x8000000), entry(0x8000000, 0x9000000)});
  const FirmwareRam ram = lists.account();
  EXPECT_EQ(ram.claimed, 0x8fa0000u);
  EXPECT_EQ(ram.usable, 0x8fa0000u);
  EXPECT_EQ(ram.twice + ram.stricter + ram.lost + ram.invented, 0u);
}

//   RAM       0x100000 ............................ 0x900000
//   reserved                0x400000 .. 0x500000
//   NVS                              0x480000 .. 0x600000
TEST(FirmwareRam, WhatIsOfAnotherTypeTooIsNotLost) {
  for (const bool backwards : {false, true}) {
    std::vector<E820Entry> list{entry(0x100000, 0x900000),
                                entry(0x400000, 0x500000, E820Type::Reserved),
                                entry(0x480000, 0x600000, E820Type::Nvs)};
    if (backwards) std::reverse(list.begin(), list.end());
    const FirmwareRam ram = Lists(list).account();
    EXPECT_EQ(ram.claimed, 0x800000u);
    EXPECT_EQ(ram.stricter, 0x200000u);
    EXPECT_EQ(ram.usable, 0x600000u);
    EXPECT_EQ(ram.lost + ram.twice + ram.invented, 0u);
  }
}

//   0x100000 ............ 0x500000
//            0x200000 ................ 0x700000
//   0x100000 .................................. 0x800000     reserved: 0x300000 .. 0x380000
TEST(FirmwareRam, WhatIsSaidTwiceCountsOnce) {
  std::vector<E820Entry> list{entry(0x100000, 0x500000), entry(0x200000, 0x700000),
                              entry(0x100000, 0x800000),
                              entry(0x300000, 0x380000, E820Type::Reserved)};
  for (int turn = 0; turn < 4; ++turn) {
    const FirmwareRam ram = Lists(list).account();
    EXPECT_EQ(ram.claimed, 0x1000000u);
    EXPECT_EQ(ram.twice, 0x900000u);
    EXPECT_EQ(ram.stricter, 0x80000u);
    EXPECT_EQ(ram.usable, 0x680000u);
    EXPECT_EQ(ram.lost + ram.invented, 0u);
    std::rotate(list.begin(), list.begin() + 1, list.end());
  }
}

TEST(FirmwareRam, WhatTheLoaderLosesIsNamed) {
  Lists lists({entry(0x100000, 0x8000000), entry(0x8000000, 0x9000000)});
  test::must(lists.e820.remove({Phys{0x7fff000}, Phys{0x8002000}}));
  FirmwareRam ram = lists.account();
  EXPECT_EQ(ram.lost, 0x3000u);
  EXPECT_EQ(ram.first_lost, (Range{Phys{0x7fff000}, Phys{0x8000000}}));
  // That it calls it something is no reason either: the firmware has not.
  test::must(lists.e820.append({Phys{0x7fff000}, Phys{0x8002000}}, E820Type::Reserved));
  ram = lists.account();
  EXPECT_EQ(ram.lost, 0x3000u);
}

TEST(FirmwareRam, WhatTheLoaderInventsIsNamed) {
  Lists lists({entry(0x100000, 0x8000000), entry(0x8000000, 0x9000000, E820Type::Acpi),
               entry(0xa000000, 0xb000000)});
  test::must(lists.e820.update({Phys{0x8000000}, Phys{0x8001000}}, E820Type::Acpi, E820Type::Ram));
  FirmwareRam ram = lists.account();
  EXPECT_EQ(ram.invented, 0x1000u);
  EXPECT_EQ(ram.first_invented, (Range{Phys{0x8000000}, Phys{0x8001000}}));
  // As much lost as invented: the sum is right, the ledger must not be.
  test::must(lists.e820.remove({Phys{0xa000000}, Phys{0xa001000}}));
  ram = lists.account();
  EXPECT_EQ(ram.invented, 0x1000u);
  EXPECT_EQ(ram.lost, 0x1000u);
  EXPECT_EQ(ram.usable, ram.claimed);
}

TEST(FirmwareRam, WhatCannotBeIsCounted) {
  Lists lists({entry(0x100000, 0x8000000)});
  lists.said.push_back(entry(0, 0));
  const FirmwareRam ram = lists.account();
  EXPECT_EQ(ram.unbelievable, 1u);
  EXPECT_EQ(ram.claimed, 0x7f00000u);
  EXPECT_EQ(ram.lost, 0u);
}

TEST(FirmwareRam, NoListNoRam) {
  const FirmwareRam ram = Lists({}).account();
  EXPECT_EQ(ram.claimed + ram.usable + ram.lost + ram.invented, 0u);
}

}  // namespace
