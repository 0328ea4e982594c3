// Per-CPU page lists: blocks of a zone that one CPU keeps at hand, so that most allocations and
// frees take no lock.
//
// Lists exist for orders 0 to 3 by migratetype and for order 9 (Linux 6.1's choice: its costly
// order and transparent huge pages). Only the owning CPU touches its lists, with interrupts masked.
// `count`, `high` and `batch` count pages for orders 0 to 3, as Linux does; order 9 has a limit of
// its own (`huge_high` blocks), else a few huge pages would push all small ones out.
#pragma once

#include <array>
#include <cstdint>

#include "mm/hot_list.h"
#include "mm/page.h"
#include "mm/pageblock.h"
#include "mm/published.h"

namespace mm {

inline constexpr unsigned kPcpMaxOrder = 3;
inline constexpr unsigned kPcpLists = kPcpMigratetypes * (kPcpMaxOrder + 1) + 1;
inline constexpr unsigned kPcpHugeList = kPcpLists - 1;
// Pageblocks that a CPU's list keeps, at most.
inline constexpr unsigned kPcpHugeMost = 64;

// How many pages a CPU's lists of a zone may hold, and how many come and go at a time. Until
// setup_per_cpu_pageset they are the boot page set's: high 0, batch 1.
enum class PageSets : uint8_t {
  Linux61,   // the CPUs of a node share its low watermark; batches of 252 KiB at most
  Linux414,  // high is 6 * batch; batches of 124 KiB at most
};

[[nodiscard]] constexpr bool pcp_allowed_order(unsigned order) {
  return order <= kPcpMaxOrder || order == kPageblockOrder;
}
[[nodiscard]] constexpr unsigned pcp_list(unsigned order, Migratetype type) {
  return order == kPageblockOrder ? kPcpHugeList
                                  : static_cast<unsigned>(type) * (kPcpMaxOrder + 1) + order;
}
[[nodiscard]] constexpr unsigned pcp_list_order(unsigned list) {
  return list == kPcpHugeList ? kPageblockOrder : list % (kPcpMaxOrder + 1);
}

// What a CPU counted about allocations (not pages) from a zone; Linux's numa_stat names. Written by
// the CPU alone.
struct NumaEvents {
  uint64_t hit;         // came from the zone's node, which was preferred
  uint64_t miss;        // came from the zone's node, though another was preferred
  uint64_t foreign;     // the zone's node was preferred, but it came from another
  uint64_t interleave;  // came from the zone's node, whose turn it was; also in hit
  uint64_t other;  // the CPU was not on the zone's node; the rest of hit + miss is Linux's "local"

  NumaEvents& operator+=(const NumaEvents& o) {
    hit += read_once(o.hit);
    miss += read_once(o.miss);
    foreign += read_once(o.foreign);
    interleave += read_once(o.interleave);
    other += read_once(o.other);
    return *this;
  }
};

struct Zone;

// A zone's lists on one CPU. Those of a node's zones lie side by side, 256 bytes each.
struct alignas(256) Pcp {
  int32_t room;         // pages that the lists of orders 0 to 3 may still take: high - 1 - count
  int32_t high;         // with so many pages on the lists, `batch` (or more) go back to the zone
  int32_t batch;        // pages fetched or returned at a time
  int32_t free_factor;  // doubles the number returned while frees come in a row
  int32_t huge_room;    // blocks that the list of order 9 may still take: huge_high - huge_count()
  int32_t huge_high;    // with more than so many on it, the oldest go back to the zone
  Zone* zone;
  int32_t fetched;  // of a zone that is not the CPU's first choice: pages left of the last fetch
  // Pages, and pageblocks, fetched next; at least a batch.
  int32_t next_fetch, next_huge_fetch;
  uint32_t cpu;  // its number among those of its node
  std::array<HotList, kPcpLists> lists;
  NumaEvents events;

  // Pages on the lists of orders 0 to 3, and blocks on that of order 9.
  [[nodiscard]] int32_t count() const { return high - 1 - read_once(room); }
  [[nodiscard]] int32_t huge_count() const { return huge_high - read_once(huge_room); }
};
static_assert(sizeof(Pcp) == 256);

}  // namespace mm
