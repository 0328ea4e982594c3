// Buddy: a zone's free blocks of 4 KiB to 1 GiB, split and merged.
//
// Everything here runs under the zone's lock. The rules, which mm/audit.cpp checks:
//   - A free block of order n is 2^n frames aligned to 2^n, all in one zone. No two free blocks
//     that could be merged stand side by side.
//   - It lies on the list of the migratetype of its first pageblock, however many pageblocks it
//     has. When it is split, each piece goes to the list of its own first pageblock's type.
//   - Only pageblocks that are taken change type: a request of another type splits a large block
//     down to pageblock size first (or to what it asked for; then the first pageblock changes), so
//     that one page for the kernel does not make a GiB unmovable.
//   - HighAtomic and Isolate pageblocks merge with their own kind only.
//   - Heads of blocks below pageblock order are written only in Described pageblocks, and no Page
//     is read before its pageblock's state allows it.
//   - Free blocks of order 18 that were handed over side by side are kept as a run: its first Page
//     has the tag and `count`, the number of blocks; the others are only marked (in_run). Runs make
//     the handover of 2 TiB cost what 2 GiB costs. They are taken from the end.
#pragma once

#include <cstdint>

#include "mm/page.h"
#include "mm/pageblock.h"
#include "mm/types.h"
#include "mm/zone.h"

namespace mm {

inline constexpr Pfn kNoPfn{~uint64_t{0}};

// A zone without free memory: free_area, `nonempty` and the free counters.
void init_free_area(Zone& zone);

// Makes a block free whose first Page says that it is not, and merges it as far as possible. Where
// the merged block is likely to merge again soon it goes to the tail of its list, and always when
// `to_tail`.
void free_block(Zone& zone, Pfn pfn, unsigned order, bool to_tail = false);

// Takes a free block of the order: of the type if there is one, else of another that is converted
// or borrowed from. kNoPfn when the zone has none. The first Page's tag is Allocated, count 1; no
// other Page is touched, but the pageblock is described when order < 9.
Pfn take_block(Zone& zone, unsigned order, Migratetype type);
// Only of the type.
Pfn take_block_of(Zone& zone, unsigned order, Migratetype type);

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

// Changes the type of one pageblock and moves what is free in it to the type's lists. A free block
// that is larger than the pageblock must have been split. Not for shared pageblocks. Where the
// change may allow a merge (from or to HighAtomic or Isolate), remerge() comes after.
void set_pageblock_type(Zone& zone, Pfn pageblock, Migratetype type);
void remerge(Zone& zone, Pfn pageblock);

// One pageblock, all in the zone and not shared, becomes Isolate or stops being it; what is free in
// it follows, cut out of the larger block that it may be part of.
void isolate_pageblock(Zone& zone, Pfn pageblock);
void unisolate_pageblock(Zone& zone, Pfn pageblock, Migratetype type);

// All of a pageblock's Pages become readable, with tag 0 (a head's tag is lost: write it after).
void describe(Node& node, Pfn pfn);

// Calls visit(Pfn, unsigned order, Migratetype) for each free block; order 18 ones singly. Returns
// false as soon as visit does.
template <class Visit>
bool for_each_free_block(const Zone& zone, Visit visit) {
  const Node& node = *zone.node;
  for (unsigned order = 0; order < kOrders; ++order) {
    for (unsigned type = 0; type < kMigratetypes; ++type) {
      FrameIndex at = zone.free_area[order].lists[type].head;
      while (at != kNoFrame) {
        const Page& page = node.mem_map[at];
        const uint64_t blocks = order == kMaxOrder ? page.count : 1;
        for (uint64_t i = 0; i < blocks; ++i) {
          if (!visit(node.pfn(at) + i * kGigaFrames, order, static_cast<Migratetype>(type))) {
            return false;
          }
        }
        at = page.next;
      }
    }
  }
  return true;
}

}  // namespace mm
