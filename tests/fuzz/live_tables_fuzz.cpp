// Page tables that a firmware left, linked in any way: all that the root leads to are found, and nothing
// else, whatever room there is for the answer. Where the ways to them are too many that is said.
//
// The input is the root and the levels (a byte each), and links: table, entry, where to, and its bits.
#include <map>
#include <set>
#include <utility>

#include "loader/arch.h"
#include "loader/table_runs.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;
using mm::Phys;
using mm::Range;

constexpr size_t kFrames = 16, kMostLinks = 48;
using Tables = std::vector<std::array<uint64_t, 512>>;

// As Intel SDM vol. 3A section 4.5 has them, plainly. By table and level, how many are met from there on.
using Met = std::map<std::pair<size_t, unsigned>, size_t>;
size_t follow(const Tables& tables, size_t table, unsigned level, Met& met) {
  if (const auto known = met.find({table, level}); known != met.end()) return known->second;
  size_t count = 1;
  for (const uint64_t entry : tables[table]) {
    if (level == 1) break;
    const bool large = level <= 3 && (entry & 0x80) != 0;
    if ((entry & 1) == 0 || large) continue;
    count += follow(tables, entry >> 12 & (kFrames - 1), level - 1, met);
  }
  return met[{table, level}] = count;
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
  Met met;
  const bool allowed = follow(tables, root, levels, met) <= loader::TableRuns::kMostTables;
  const auto walked = loader::live_page_tables(live, map, {});
  check(walked.ok() == allowed);
  if (!walked.ok()) return;
  const size_t count = walked.value();
  std::vector<Range> all(count);
  check(loader::live_page_tables(live, map, all).value() == count);
  std::vector<Range> some(count / 2);
  check(loader::live_page_tables(live, map, some).value() == count);
  check(std::equal(some.begin(), some.end(), all.begin()) || count < 2 ||
        some.back().start == all[some.size() - 1].start);
  std::set<size_t> expected;
  for (const auto& [table_and_level, count_below] : met) expected.insert(table_and_level.first);
  check(frames_of(all) == expected);
}
