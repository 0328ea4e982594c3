// Page tables that a firmware left, linked in any way: all that the root leads to are found, and nothing
// else, whatever room there is for the answer.
//
// The input is the root and the levels (a byte each), and links: table, entry, where to, and its bits.
#include <set>

#include "loader/arch.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;
using mm::Phys;
using mm::Range;

constexpr size_t kFrames = 16, kMostLinks = 48;
using Tables = std::vector<std::array<uint64_t, 512>>;

// As Intel SDM vol. 3A section 4.5 has them, plainly.
void follow(const Tables& tables, size_t table, unsigned level, std::set<size_t>& found) {
  found.insert(table);
  if (level == 1) return;
  for (const uint64_t entry : tables[table]) {
    const bool large = level <= 3 && (entry & 0x80) != 0;
    if ((entry & 1) != 0 && !large) follow(tables, entry >> 12 & (kFrames - 1), level - 1, found);
  }
}

std::set<size_t> frames_of(const std::vector<Range>& ranges) {
  std::set<size_t> frames;
  for (const Range& range : ranges) {
    check(!range.empty() && range.start.v % mm::kPageSize == 0 && range.end.v <= kFrames << 12);
    for (uint64_t at = range.start.v; at < range.end.v; at += mm::kPageSize)
      frames.insert(at >> 12);
  }
  return frames;
}

}  // namespace

FUZZ_TARGET(live_tables) {
  fuzz::Input input(data, size);
  const size_t root = input.byte() % kFrames;
  const unsigned levels = 4 + input.byte() % 2;
  Tables tables(kFrames);
  for (size_t links = 0; links < kMostLinks && !input.empty(); ++links) {
    auto& table = tables[input.byte() % kFrames];
    const size_t entry = input.number<uint16_t>() % 512;
    const uint64_t to = input.byte() % kFrames;
    const uint8_t bits = input.byte();
    // Above level 3 the bit of large pages is reserved.
    table[entry] = to << 12 | bits | uint64_t{bits} << 56 >> 1 << 1;
  }
  const mm::DirectMap map(reinterpret_cast<uintptr_t>(tables.data()));
  const loader::LiveTables live{Phys{root << 12}, levels};
  const size_t count = loader::live_page_tables(live, map, {});
  std::vector<Range> all(count);
  check(loader::live_page_tables(live, map, all) == count);
  std::vector<Range> some(count / 2);
  check(loader::live_page_tables(live, map, some) == count);
  check(std::equal(some.begin(), some.end(), all.begin()) || count < 2 ||
        some.back().start == all[some.size() - 1].start);
  std::set<size_t> expected;
  follow(tables, root, levels, expected);
  check(frames_of(all) == expected);
}
