// What a reader of SRAT or of a device tree took, before mm: every frame of RAM is some node's, once.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "mm/e820.h"
#include "mm/numa.h"
#include "tests/fuzz/target.h"

namespace fuzz {

inline void check_numa(const mm::NumaInput& input, const mm::E820Table& e820) {
  uint64_t frames = 0;
  for (const mm::E820Entry& entry : e820.entries()) {
    if (entry.type == mm::E820Type::Ram) frames += mm::pfns_inside(entry.range).size();
  }
  std::vector<mm::MemoryAffinity> blocks(input.memory.size() + 1);
  std::vector<mm::ActiveRange> active(e820.entries().size() + 3 * blocks.size());
  const auto map = mm::numa_init(input, e820, {}, {blocks, active}, {});
  if (!map.ok()) {
    const bool known = std::all_of(input.memory.begin(), input.memory.end(),
                                   [](const auto& entry) { return entry.node < mm::kMaxNodes; });
    check(frames == 0 || !known);
    return;
  }
  mm::Pfn end{0};
  for (const mm::ActiveRange& range : map.value().active) {
    check(!range.pfns.empty() && range.pfns.start >= end);
    check(range.node < map.value().node_count());
    end = range.pfns.end;
    frames -= range.pfns.size();
  }
  // A frame with a border in it is in neither node, as in Linux; the ledger names it.
  const auto odd = std::count_if(input.memory.begin(), input.memory.end(), [](const auto& entry) {
    return entry.range.start.v % mm::kPageSize != 0 || entry.range.end.v % mm::kPageSize != 0;
  });
  check(frames <= 2 * static_cast<uint64_t>(odd));
}

}  // namespace fuzz
