// Page tables in use are found wherever a root leads to.
#include "loader/arch.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace loader {
namespace {

using mm::Phys;
using mm::Range;

constexpr uint64_t kPresent = 3, kLarge = 0x83;

// Memory from physical 0, as frames of 512 entries.
struct Memory {
  std::vector<std::array<uint64_t, 512>> frames;
  explicit Memory(size_t count) : frames(count) {}
  [[nodiscard]] mm::DirectMap map() const {
    return mm::DirectMap(reinterpret_cast<uintptr_t>(frames.data()));
  }
  void link(size_t table, size_t entry, size_t below, uint64_t bits = kPresent) {
    frames[table][entry] = below << 12 | bits | uint64_t{1} << 63;
  }
};

std::vector<Range> found(const Memory& memory, size_t root, unsigned levels, size_t room = 16) {
  std::vector<Range> out(room);
  const size_t count = live_page_tables({Phys{root << 12}, levels}, memory.map(), out).value();
  out.resize(count < room ? count : room);
  return out;
}

constexpr Range frames(uint64_t first, uint64_t end) {
  return {Phys{first << 12}, Phys{end << 12}};
}

// root 1 -> [0] 2 -> [0] 1 GiB page, [1] 3 -> [5] 2 MiB page, [6] 7 -> 4 KiB pages
//        -> [511] 9 -> nothing
TEST(LiveTables, TablesAreFoundAndPagesAreNot) {
  Memory memory(16);
  memory.link(1, 0, 2);
  memory.link(1, 511, 9);
  memory.link(2, 0, 0x40000, kLarge);
  memory.link(2, 1, 3);
  memory.link(3, 5, 0x200, kLarge);
  memory.link(3, 6, 7);
  memory.link(7, 0, 8);
  memory.link(7, 1, 0x12345);
  memory.link(3, 7, 5, 0);  // not present
  EXPECT_EQ(found(memory, 1, 4), (std::vector<Range>{frames(1, 4), frames(7, 8), frames(9, 10)}));
}

TEST(LiveTables, FiveLevels) {
  Memory memory(16);
  memory.link(10, 0, 1);
  memory.link(1, 0, 2);
  memory.link(2, 0, 3);
  memory.link(3, 0, 4);
  memory.link(4, 0, 5);
  EXPECT_EQ(found(memory, 10, 5), (std::vector<Range>{frames(10, 11), frames(1, 5)}));
}

TEST(LiveTables, TheCountIsToldWhenTheyDoNotFit) {
  Memory memory(16);
  memory.link(1, 0, 3);
  memory.link(1, 1, 5);
  std::array<Range, 1> one{};
  EXPECT_EQ(live_page_tables({Phys{1 << 12}}, memory.map(), one).value(), 3U);
  EXPECT_EQ(one[0], frames(1, 2));
  EXPECT_EQ(live_page_tables({Phys{1 << 12}}, memory.map(), {}).value(), 3U);
}

// Windows and others have an entry by which tables are seen as memory. They are met once more then.
TEST(LiveTables, AnEntryOfTheRootMayLeadToTheRoot) {
  Memory memory(16);
  memory.link(1, 0, 2);
  memory.link(1, 510, 1);
  memory.link(2, 0, 0x40000, kLarge);
  EXPECT_EQ(found(memory, 1, 4),
            (std::vector<Range>{frames(1, 3), frames(1, 3), frames(1, 3), frames(1, 2)}));
}

// All entries do: 512^4 ways with five levels, which nobody lives to see the end of.
TEST(LiveTables, TablesWithoutAnEndAreNamed) {
  Memory memory(16);
  for (size_t entry = 0; entry < 512; ++entry) {
    memory.link(1, entry, 2);
    memory.link(2, entry, 1);
  }
  for (const unsigned levels : {4U, 5U}) {
    std::array<Range, 4> out{};
    const auto walked = live_page_tables({Phys{1 << 12}, levels}, memory.map(), out);
    ASSERT_FALSE(walked.ok());
    EXPECT_STREQ(walked.error().subject, "the firmware's page tables");
    EXPECT_EQ(walked.error().a, uint64_t{1} << 20);
  }
}

// As many as are allowed, and one more, none of which leads back.
TEST(LiveTables, TheMostAreCounted) {
  Memory memory(8);
  for (size_t entry = 0; entry < 512; ++entry) {
    memory.link(2, entry, 3);
    memory.link(3, entry, 4);
  }
  constexpr size_t kBelow = 1 + 512 + 512 * 512;  // a table of level 3 with all of that below it
  for (size_t entry = 0; entry < 3; ++entry) memory.link(1, entry, 2);
  const size_t left = (size_t{1} << 20) - 1 - 3 * kBelow;
  memory.link(1, 3, 5);
  for (size_t entry = 0; entry < (left - 1) / 513; ++entry) memory.link(5, entry, 3);
  memory.link(5, 511, 6);
  const size_t rest = (left - 1) % 513;
  ASSERT_GT(rest, 0U);
  for (size_t entry = 0; entry + 1 < rest; ++entry) memory.link(6, entry, 7);
  EXPECT_TRUE(live_page_tables({Phys{1 << 12}, 4}, memory.map(), {}).ok());
  memory.link(6, 511, 7);
  EXPECT_FALSE(live_page_tables({Phys{1 << 12}, 4}, memory.map(), {}).ok());
}

}  // namespace
}  // namespace loader
