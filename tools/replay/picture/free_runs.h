// What is free in a machine, in few words: blocks of one order in a row, and how many of each order.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mm/page_alloc.h"

namespace replay {

// `count` free blocks of 2^order frames, each where the last one ends.
struct FreeRun {
  mm::Pfn start;
  unsigned order = 0;
  uint64_t count = 0;
  mm::Migratetype migratetype = mm::Migratetype::Movable;
};

// By address.
[[nodiscard]] std::vector<FreeRun> free_runs_of(const mm::PageAllocatorCore& pages);

// By node and zone: how many free blocks of each order.
using FreeCounts = std::vector<mm::PerZone<std::array<uint64_t, mm::kOrders>>>;
[[nodiscard]] FreeCounts free_counts_of(const mm::PageAllocatorCore& pages);

}  // namespace replay
