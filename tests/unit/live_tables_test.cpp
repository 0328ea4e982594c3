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
  const size_t count = live_page_tables({Phys{root << 12}, levels}, memory.map(), out);
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
  EXPECT_EQ(live_page_tables({Phys{1 << 12}}, memory.map(), one), 3U);
  EXPECT_EQ(one[0], frames(1, 2));
  EXPECT_EQ(live_page_tables({Phys{1 << 12}}, memory.map(), {}), 3U);
}

}  // namespace
}  // namespace loader
