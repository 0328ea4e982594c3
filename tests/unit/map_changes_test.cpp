// Two maps against each other, each drawn, and what is said of them.
#include "tools/replay/map_changes.h"

#include <gtest/gtest.h>

#include "tools/replay/diff.h"
#include "tools/replay/said.h"

namespace {

using mm::Phys;
using mm::Range;
using replay::Change;
using replay::changes_between;
using replay::NamedRange;

NamedRange at(uint64_t start, uint64_t end, const char* name) {
  return {{Phys{start}, Phys{end}}, name};
}

std::string words(const std::vector<Change>& changes) {
  constexpr const char* kKinds[] = {"moved", "resized", "gone", "new"};
  std::string text;
  for (const Change& change : changes) {
    text += change.name + " " + kKinds[static_cast<int>(change.kind)] +
            replay::said(" {:#x}-{:#x} to {:#x}-{:#x}\n", change.before.start.v,
                         change.before.end.v, change.after.start.v, change.after.end.v);
  }
  return text;
}

TEST(MapChanges, MovedResizedGoneAndNew) {
  const std::vector<NamedRange> before{at(0x1000, 0x3000, "a"), at(0x3000, 0x4000, "b"),
                                       at(0x5000, 0x6000, "c"), at(0x8000, 0x9000, "d")};
  const std::vector<NamedRange> after{at(0x1000, 0x2000, "a"), at(0x2000, 0x3000, "b"),
                                      at(0x8000, 0x9000, "d"), at(0xa000, 0xc000, "c")};
  EXPECT_EQ(words(changes_between(before, after)),
            "a resized 0x1000-0x3000 to 0x1000-0x2000\n"
            "b moved 0x3000-0x4000 to 0x2000-0x3000\n"
            "c gone 0x5000-0x6000 to 0x0-0x0\n"
            "c new 0x0-0x0 to 0xa000-0xc000\n");
  EXPECT_TRUE(changes_between(before, before).empty());
}

TEST(MapChanges, ByteForByte) {
  const std::vector<NamedRange> before{at(0x1000, 0x4000, "a"), at(0x6000, 0x7000, "b")};
  const std::vector<NamedRange> after{at(0x1000, 0x2000, "a"), at(0x2000, 0x5000, "b"),
                                      at(0x6000, 0x7000, "b")};
  std::string text;
  for (const auto& part : replay::retyped_between(before, after)) {
    text += replay::said("{:#x}-{:#x} ", part.range.start.v, part.range.end.v) + part.before + ">" +
            part.after + "\n";
  }
  EXPECT_EQ(text, "0x2000-0x4000 a>b\n0x4000-0x5000 >b\n");
}

replay::Machine machine(uint64_t slide) {
  using mm::E820Type;
  replay::Machine machine;
  machine.firmware = {
      {{Phys{0}, Phys{0xa0000}}, E820Type::Ram},
      {{Phys{0x100000}, Phys{0x7ab00000 + slide}}, E820Type::Ram},
      {{Phys{0x7ab00000 + slide}, Phys{0x7ac00000 + slide}}, E820Type::Acpi},
      {{Phys{0x7ac00000 + slide}, Phys{0x7ad00000 + slide}}, E820Type::Nvs},
      {{Phys{0x7ad00000 + slide}, Phys{0x7f000000}}, E820Type::Ram},
  };
  return machine;
}

TEST(MapChanges, OneSlideIsOneLine) {
  const auto same = diff_of(machine(0), machine(0));
  EXPECT_TRUE(same.same);
  const auto slid = diff_of(machine(0), machine(0x1000));
  EXPECT_FALSE(slid.same);
  EXPECT_EQ(slid.text.substr(0, slid.text.find('\n')),
            "One slide: ACPI data, ACPI NVS (2 ranges, 2 MiB) between [mem 0x7ab00000-0x7acfffff] "
            "moved 4 KiB up (+0x1000)");
  EXPECT_EQ(slid.text.find("Usable:"), std::string::npos) << slid.text;
}

TEST(MapChanges, AnotherSizeIsNoSlide) {
  replay::Machine grown = machine(0);
  grown.firmware[2].range.end += 0x1000;
  grown.firmware[3].range.start += 0x1000;
  const std::string text = diff_of(machine(0), grown).text;
  EXPECT_NE(text.find("ACPI data [mem 0x7ab00000-0x7abfffff] grew by 4 KiB"), std::string::npos)
      << text;
  EXPECT_NE(text.find("[mem 0x7ac00000-0x7ac00fff] ACPI NVS ==> ACPI data, 4 KiB"),
            std::string::npos)
      << text;
}

// What the kernel itself had placed is no matter of the firmware's.
TEST(MapChanges, OwnReservationsAreToldApart) {
  replay::Machine before = machine(0);
  replay::Machine after = machine(0);
  before.reservations = {at(0x1000000, 0x1200000, "PGTABLE")};
  after.reservations = {at(0x1200000, 0x1400000, "PGTABLE")};
  const std::string text = diff_of(before, after).text;
  EXPECT_NE(text.find("The firmware's map is the same"), std::string::npos) << text;
  EXPECT_NE(text.find("PGTABLE [mem 0x01000000-0x011fffff] lies 2 MiB higher"), std::string::npos)
      << text;
}

}  // namespace
