// Buddy: a zone's free blocks of 4 KiB to 1 GiB, split and merged.
//
// Everything here runs under the zone's lock. The rules, which mm/audit.cpp checks:
//   - A free block of order n is 2^n frames aligned to 2^n, all in one zone. No two free blocks
//     that could be merged stand side by side.
//   - Blocks of pageblock order or more lie on the list of the migratetype of their first
//     pageblock, however many pageblocks they have. When one is split, each piece goes to the list
//     of its own first pageblock's type.
//   - What is free of a pageblock that is not free as a whole (a broken one) are bits in its
//     FreeMap. Such pageblocks lie on lists by type, by how full they are and by their largest free
//     block; requests are served by the fullest that has what is asked for, and whole pageblocks
//     are broken only when there is none. So a pageblock that was once needed tends to become whole
//     again.
//   - Only pageblocks that are taken change type: a request of another type splits a large block
//     down to pageblock size first (or to what it asked for; then the first pageblock changes), so
//     that one page for the kernel does not make a GiB unmovable.
//   - HighAtomic and Isolate pageblocks merge with their own kind only.
//   - Blocks below pageblock order are only in Described pageblocks, and no Page is read before its
//     pageblock's state allows it.
//   - Free blocks of order 18 that were handed over side by side are kept as a run: its first Page
//     has the tag and `count`, the number of blocks; the others are only marked (in_run). Runs make
//     the handover of 2 TiB cost what 2 GiB costs. They are taken from the end.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "mm/free_map.h"
#include "mm/page.h"
#include "mm/pageblock.h"
#include "mm/types.h"
#include "mm/zone.h"

namespace mm {

inline constexpr Pfn kNoPfn{~uint64_t{0}};

// A zone without free memory: its lists, `nonempty` and the free counters.
void init_free_lists(Zone& zone);

// Makes a block free that is nobody's, and merges it as far as possible. Its Page's tag is lost.
// Where the merged block is likely to merge again soon it goes to the tail of its list, and always
// when `to_tail`.
void free_block(Zone& zone, Pfn pfn, unsigned order, bool to_tail = false);

// Takes a free block of the order: of the type if there is one, else of another that is converted
// or borrowed from. kNoPfn when the zone has none. The first Page's tag is Allocated, count 1; no
// other Page is touched, but the pageblock is described when order < 9.
Pfn take_block(Zone& zone, unsigned order, Migratetype type);
// Only of the type.
Pfn take_block_of(Zone& zone, unsigned order, Migratetype type);

// Blocks of one order by the 64 frames that they are in, so that what is to be done with each can
// be done without the lock.
struct FrameBatch {
  static constexpr unsigned kMost = 64;
  std::array<FrameBits, kMost> parts;  // NOLINT: those below `count` have values
  unsigned count = 0;

  [[nodiscard]] bool full() const { return count == kMost; }
};

// The same as take_block() for up to `want` blocks of an order of per-CPU lists at a time. The bits
// are those of the blocks' first frames; their Pages are the caller's to write. Returns how many
// blocks it got: fewer where the zone has no more, or `got` no room.
unsigned take_blocks(Zone& zone, unsigned order, Migratetype type, unsigned want, FrameBatch& got);
// Up to as many whole pageblocks as there is room for, only of the type; they get the tag. How many.
unsigned take_pageblocks(Zone& zone, Migratetype type, Tag tag, std::span<Pfn> got);
// free_block() for frames of blocks below pageblock order, whose Pages have tag 0.
void free_frames(Zone& zone, const FrameBatch& frames);
// free_block() for whole pageblocks in ascending order: neighbours are merged before they are looked
// at.
void free_pageblocks(Zone& zone, std::span<const Pfn> pageblocks);

// The pageblock of the type's first free block of an order in `nonempty`.
[[nodiscard]] Pfn first_pageblock(const Zone& zone, unsigned order, Migratetype type);

// Frames of RAM of the zone that nobody has, in ascending ranges as large as they are.
void seed(Zone& zone, PfnRange frames);

// The block that covers a frame.
struct BlockAt {
  Pfn pfn;
  unsigned order = 0;
  Tag tag;  // state None: no block covers the frame (reserved, or a hole)
};
BlockAt find_block(const Node& node, Pfn pfn);

// Takes exactly [start, end), aligned to `order` and inside one free block, out of that block; what
// is left of it stays free. The head's tag becomes Allocated, count 1.
void take_exactly(Zone& zone, const BlockAt& block, Pfn pfn, unsigned order);

// Changes the type of one pageblock; what is free in it follows. A free block that is larger than
// the pageblock must have been split. Not for shared pageblocks. Where the change may allow a merge
// (from or to HighAtomic or Isolate), remerge() comes after.
void set_pageblock_type(Zone& zone, Pfn pageblock, Migratetype type);
void remerge(Zone& zone, Pfn pageblock);

// One pageblock, all in the zone and not shared, becomes Isolate or stops being it; what is free in
// it follows, cut out of the larger block that it may be part of.
void isolate_pageblock(Zone& zone, Pfn pageblock);
void unisolate_pageblock(Zone& zone, Pfn pageblock, Migratetype type);

// All of a pageblock's Pages become readable, with tag 0, and none of its frames is free.
void describe(Node& node, Pfn pfn);
// Blocks below pageblock order may have Pages there from now on. Nothing of it is free or in a
// larger block.
void break_pageblock(Zone& zone, Pfn pfn);

// The zone's record of a pageblock.
[[nodiscard]] FrameIndex record_of(const Zone& zone, Pfn pfn);

// Calls visit(record) for each record of a pageblock that may have frames free: one, or that of each
// zone that shares it.
template <class Visit>
void for_each_record(const Node& node, Pfn pageblock, Visit visit) {
  if (!node.blocks.at(pageblock).shared()) return visit(node.record(pageblock));
  const Edge* const end = node.edges + node.edge_count;
  const Edge* edge = std::lower_bound<const Edge*>(node.edges, end, Edge{pageblock, ZoneType{}});
  for (; edge != end && edge->pageblock == pageblock; ++edge) visit(node.edge_record(edge));
}

// How many free blocks of each order a zone has. Needs no lock, but is exact only when nothing
// changes meanwhile. Costs by the GiBs of which something was needed once.
struct BlockCounts {
  std::array<std::array<uint64_t, kOrders>, kMigratetypes> of{};

  [[nodiscard]] uint64_t total(unsigned order) const {
    uint64_t all = 0;
    for (const auto& orders : of) all += orders[order];
    return all;
  }
};
[[nodiscard]] BlockCounts count_free_blocks(const Zone& zone);

// Calls visit(Pfn, unsigned order, Migratetype) for each free block; order 18 ones singly. Returns
// false as soon as visit does.
template <class Visit>
bool for_each_free_block(const Zone& zone, Visit visit) {
  const Node& node = *zone.node;
  for (unsigned t = 0; t < kMigratetypes; ++t) {
    const auto type = static_cast<Migratetype>(t);
    for (const auto& lists : zone.broken[t].lists) {
      for (const FrameList& list : lists) {
        for (FrameIndex at = list.head; at != kNoFrame; at = node.heads[at].next) {
          const Pfn start = node.pageblock(at);
          const bool more = node.free_maps[at].for_each_block(
              [&](uint64_t frame, unsigned order) { return visit(start + frame, order, type); });
          if (!more) return false;
        }
      }
    }
    for (unsigned order = kPageblockOrder; order < kOrders; ++order) {
      FrameIndex at = zone.area(order).lists[t].head;
      for (; at != kNoFrame; at = node.heads[at].next) {
        const uint64_t blocks = order == kMaxOrder ? node.heads[at].count : 1;
        for (uint64_t i = 0; i < blocks; ++i) {
          if (!visit(node.pageblock(at) + i * kGigaFrames, order, type)) return false;
        }
      }
    }
  }
  return true;
}

}  // namespace mm
