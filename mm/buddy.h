// Buddy: a zone's free blocks of 4 KiB to 1 GiB, split and merged.
//
// Everything here runs under the zone's lock. The rules, which mm/audit.cpp checks:
//   - A free block of order n is 2^n frames aligned to 2^n, all in one zone, and as large as it can
//     be. Below pageblock order it is bits in its pageblock's map; from there on, bits in its GiB's
//     (mm/regions.h): splitting and merging are arithmetic. A frame is free in one of them.
//   - Requests are served from the lowest region that has what is asked for. Whole pageblocks are
//     broken only when no broken one has it, whole GiBs only when no broken one has a pageblock. So
//     what lies above tends to become whole again.
//   - A pageblock is of one migratetype. Requests for small blocks go to pageblocks of their own
//     type; a whole one takes on the type of whoever gets it, and only that one: one page for the
//     kernel does not make a GiB unmovable.
//   - HighAtomic and Isolate pageblocks stay apart: what is free of them is only in their own maps.
//   - Blocks below pageblock order are only in Described pageblocks, and no Page, and no map, is read
//     before its pageblock's state allows it.
//   - Whole GiBs that were handed over side by side are kept as a run: its first knows their
//     number (Regions::run()); the others are only marked (in_run). Runs make the handover of 2 TiB cost what
//     2 GiB costs. They are taken from the end.
#pragma once

#include <array>
#include <cstdint>

#include "mm/page.h"
#include "mm/pageblock.h"
#include "mm/regions.h"
#include "mm/types.h"
#include "mm/zone.h"

namespace mm {

inline constexpr Pfn kNoPfn{~uint64_t{0}};

// Makes a block free that is nobody's. Its Page's tag is lost.
void free_block(Zone& zone, Pfn pfn, unsigned order);

// Takes a free block of the order: of the type if there is one, else of another that is converted
// or borrowed from. kNoPfn when the zone has none. The first Page's tag is Allocated, count 1; no
// other Page is touched, but the pageblock is described when order < 9.
Pfn take_block(Zone& zone, unsigned order, Migratetype type);
// Only of the type.
Pfn take_block_of(Zone& zone, unsigned order, Migratetype type);

// Bits of a map's word: of 64 frames, or pageblocks, from the first on.
struct FrameBits {
  uint64_t first_pfn;
  uint64_t bits;

  [[nodiscard]] Pfn first() const { return {first_pfn}; }
};

// Blocks of one order, by words, so that what is to be done with each can be done without the lock.
struct FrameBatch {
  static constexpr unsigned kMost = 64;
  std::array<FrameBits, kMost> parts;  // NOLINT: those below `count` have values
  unsigned count = 0;

  [[nodiscard]] bool full() const { return count == kMost; }
};

// Makes words of what comes one by one; neighbours often come one behind the other.
class FrameGatherer {
 public:
  // Units are frames, or blocks of an order.
  FrameGatherer(FrameBatch& batch, unsigned unit_order) : batch_(batch), unit_order_(unit_order) {}
  // Not more than FrameBatch::kMost times. `bits`: as many as the unit is followed by, and its own.
  [[gnu::always_inline]] void add(Pfn pfn, uint64_t bits) {
    const uint64_t unit = pfn.v >> unit_order_;
    const uint64_t first = align_down(unit, FreeMap::kWordUnits) << unit_order_;
    if (first != part_.first_pfn) {
      finish();
      part_ = {first, 0};
    }
    part_.bits |= bits << unit % FreeMap::kWordUnits;
  }
  void finish() {
    if (part_.bits != 0) batch_.parts[batch_.count++] = part_;
  }

 private:
  FrameBatch& batch_;
  unsigned unit_order_;
  FrameBits part_{~uint64_t{0}, 0};
};

// A CPU's part of a zone, from which its lists are filled first: words of 64 pageblocks, some of the
// eight of each GiB. CPUs that took the lowest block each would take what another has given back, and
// wait for its cache lines: Pages, maps, sets. So each takes the lowest of its own words, then of all.
class Stripe {
 public:
  static constexpr unsigned kMost = FreeMap::kWords;

  constexpr Stripe() = default;  // everything
  // One of so many, kMost at most.
  constexpr Stripe(unsigned number, unsigned of) : words_(0) {
    for (unsigned word = number % of; word < kMost; word += of) {
      words_ = static_cast<uint8_t>(words_ | 1u << word);
    }
  }
  [[nodiscard]] constexpr bool all() const { return words_ == 0xff; }
  // Words of a GiB by number; those of a zone likewise, as it is counted from a GiB's start.
  [[nodiscard]] constexpr bool has(uint64_t word) const {
    return (words_ >> word % kMost & 1) != 0;
  }

 private:
  uint8_t words_ = 0xff;
};

// The same as take_block() for up to `want` blocks of an order of per-CPU lists at a time. The bits
// are those of the blocks' first frames; their Pages are the caller's to write. Returns how many
// blocks it got: fewer where the zone has no more, or `got` no room.
unsigned take_blocks(Zone& zone, unsigned order, Migratetype type, unsigned want, Stripe stripe,
                     FrameBatch& got);
// The same of whole pageblocks: a bit for each, in words of 64 pageblocks.
unsigned take_pageblocks(Zone& zone, Migratetype type, unsigned want, Stripe stripe,
                         FrameBatch& got);
// free_block() for frames of blocks below pageblock order, and for whole pageblocks. Their Pages have
// tag 0.
void free_frames(Zone& zone, const FrameBatch& frames);
void free_pageblocks(Zone& zone, const FrameBatch& pageblocks);

// Of blocks that take_blocks() got, those go back that their node's links do not reach; `got` keeps the
// others. Returns how many blocks went back.
unsigned give_back_far(Zone& zone, unsigned order, FrameBatch& got);

// The lowest pageblock of the type that has something free; kNoPfn when none has. Not for Isolate.
[[nodiscard]] Pfn first_pageblock(const Zone& zone, Migratetype type);

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

// Changes the type of one pageblock; what is free in it follows, also out of the larger block that
// it may be part of. Not for shared pageblocks.
void set_pageblock_type(Zone& zone, Pfn pageblock, Migratetype type);

// Something in this GiB is needed: its bytes, its pageblocks' own Pages and its zones' maps of it are
// valid from now on. What zones share is touched while there is only one CPU.
void touch(Node& node, Pfn pfn);
// All of a pageblock's Pages become readable, with tag 0, and none of its frames is free.
void describe(Node& node, Pfn pfn);
// Blocks of the order may have their Page there.
void make_room(Node& node, Pfn pfn, unsigned order);

// How many free blocks of each order a zone has. Needs no lock, but is exact only when nothing
// changes meanwhile.
struct BlockCounts {
  std::array<std::array<uint64_t, kOrders>, kMigratetypes> of{};

  [[nodiscard]] uint64_t total(unsigned order) const {
    uint64_t all = 0;
    for (const auto& orders : of) all += orders[order];
    return all;
  }
};
[[nodiscard]] BlockCounts count_free_blocks(const Zone& zone);

// Calls visit(Pfn, unsigned order, Migratetype) for each free block, in ascending order. Returns
// false as soon as visit does. Costs by the GiBs of which something was needed once.
template <class Visit>
bool for_each_free_block(const Zone& zone, Visit visit) {
  const Node& node = *zone.node;
  const auto of_region = [&](const Regions& regions, RegionIndex index) {
    return regions.map(index).for_each_block([&](unsigned unit, unsigned order) {
      const Pfn pfn = regions.pfn(index, unit);
      return visit(pfn, regions.unit_order() + order, node.blocks.at(pfn).type());
    });
  };
  uint32_t in_run = 0;  // GiBs left of the run
  for (RegionIndex giga = 0; giga < zone.gigas.count(); ++giga) {
    const Pfn start = zone.gigas.start(giga);
    if (in_run != 0 && node.blocks.in_run(start)) {
      --in_run;
      if (!visit(start, kMaxOrder, node.blocks.at(start).type())) return false;
      continue;
    }
    if (!node.blocks.has_bytes(start)) continue;
    if (!of_region(zone.gigas, giga)) return false;
    in_run = zone.gigas[giga].free == FreeMap::kUnits ? zone.gigas.run(giga) - 1 : 0;
    const PfnRange frames = PfnRange{start, start + kGigaFrames}.clip(zone.spanned);
    for (Pfn pfn = align_down(frames.start, kPageblockFrames); pfn < frames.end;
         pfn += kPageblockFrames) {
      if (node.blocks.at(pfn).state() != PageblockState::Described) continue;
      if (!of_region(zone.pageblocks, zone.pageblocks.index(pfn))) return false;
    }
  }
  return true;
}

}  // namespace mm
