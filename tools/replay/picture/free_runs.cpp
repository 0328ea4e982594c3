#include "tools/replay/picture/free_runs.h"

#include <algorithm>

namespace replay {

std::vector<FreeRun> free_runs_of(const mm::PageAllocatorCore& pages) {
  std::vector<FreeRun> blocks;
  const auto add = [&](const mm::FreeBlock& block) {
    blocks.push_back({block.pfn, block.order, 1, block.migratetype});
    return true;
  };
  pages.for_each_free_block(add);
  pages.for_each_cpu_block([&](const mm::FreeBlock& block, unsigned) { return add(block); });
  std::sort(blocks.begin(), blocks.end(),
            [](const FreeRun& a, const FreeRun& b) { return a.start < b.start; });
  std::vector<FreeRun> runs;
  for (const FreeRun& block : blocks) {
    if (!runs.empty()) {
      FreeRun& last = runs.back();
      const bool alike = last.order == block.order && last.migratetype == block.migratetype;
      if (alike && last.start + (last.count << last.order) == block.start) {
        ++last.count;
        continue;
      }
    }
    runs.push_back(block);
  }
  return runs;
}

FreeCounts free_counts_of(const mm::PageAllocatorCore& pages) {
  FreeCounts counts(pages.layout().nodes.size());
  pages.for_each_free_block([&](const mm::FreeBlock& block) {
    ++counts[block.node][block.zone][block.order];
    return true;
  });
  return counts;
}

}  // namespace replay
