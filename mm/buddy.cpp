#include "mm/buddy.h"

#include <algorithm>
#include <bit>

namespace mm {
namespace {

constexpr unsigned kGigaOrder = kMaxOrder - kPageblockOrder;  // of a GiB, in pageblocks
static_assert(FreeMap::kOrder == kPageblockOrder && FreeMap::kOrder == kGigaOrder);

// Whole pageblocks of these types stay what they are and on lists of their own.
bool special(Migratetype type) { return type >= Migratetype::HighAtomic; }

// Whether the zone has any such.
bool has_special(const Zone& zone) {
  return (zone.isolated_pageblocks | zone.nr_reserved_highatomic) != 0;
}

void count_in(Zone& zone, Migratetype type, uint64_t pages) {
  if (type == Migratetype::Isolate) [[unlikely]] {
    zone.isolated_pages += pages;
  } else {
    zone.free_pages += pages;
  }
}

void count_out(Zone& zone, Migratetype type, uint64_t pages) {
  if (type == Migratetype::Isolate) [[unlikely]] {
    zone.isolated_pages -= pages;
  } else {
    zone.free_pages -= pages;
  }
}

// A pageblock has changed its type.
void count_types(Zone& zone, Migratetype from, Migratetype to) {
  if (to == Migratetype::Isolate) ++zone.isolated_pageblocks;
  if (from == Migratetype::Isolate) --zone.isolated_pageblocks;
  uint64_t kept = zone.nr_reserved_highatomic;
  if (to == Migratetype::HighAtomic) kept += kPageblockFrames;
  if (from == Migratetype::HighAtomic) kept -= kPageblockFrames;
  zone.nr_reserved_highatomic = kept;
}

[[gnu::always_inline]] inline void set_type(Node& node, Pfn pfn, Migratetype type) {
  const Pageblock block = node.blocks.at(pfn);
  if (block.type() == type) return;
  node.blocks.set(pfn, block.as(type));
}

bool is_described(const Node& node, Pfn pfn) {
  return node.blocks.at(pfn).state() == PageblockState::Described;
}

[[gnu::always_inline]] inline Pfn hand_out(Zone& zone, Pfn pfn, unsigned order) {
  Page& page = zone.node->page(pfn, order);
  page.set_count(1);
  page.set_tag(Tag{BlockState::Allocated, order, zone.type, zone.node_id});
  return pfn;
}

// --- What regions have free ----------------------------------------------------------------------

// What is free of a region that is on no list, and whose map says more: all of it.
unsigned free_of(const Region& region) {
  return region.free == 0 ? FreeMap::kUnits : unsigned{region.free};
}

// Watermark checks read what is published without the lock.
void set_pageblock(Zone& zone, RegionIndex index, Migratetype type, unsigned free,
                   unsigned largest) {
  if (type == Migratetype::Isolate) {  // nobody looks for one
    zone.pageblocks[index].free = static_cast<uint16_t>(free);
    zone.pageblocks[index].largest = static_cast<uint16_t>(largest);
    return;
  }
  const auto kind = static_cast<unsigned>(type);
  if (zone.pageblocks.file(kind, index, free, largest)) {
    zone.nonempty[kind] = zone.pageblocks.orders(kind);
  }
}

void set_giga(Zone& zone, unsigned kind, RegionIndex index, unsigned free, unsigned largest) {
  if (zone.gigas.file(kind, index, free, largest)) {
    const uint32_t orders = zone.gigas.orders(kBrokenGiga) | zone.gigas.orders(kWholeGiga);
    zone.nonempty_giga = orders << kPageblockOrder;
  }
}

// The largest block of a region that has units left, after some were taken: of whole words or not.
unsigned largest_left(const Regions& regions, RegionIndex index, bool of_full_word) {
  const Region& region = regions[index];
  // Blocks of whole words stay what they are while other words are taken from.
  const bool same = region.free != 0 && region.largest >= FreeMap::kWordOrder && !of_full_word;
  return same ? region.largest : regions.map(index).largest();
}

// So many units of a region have been taken, and their bits cleared.
void taken_from_pageblock(Zone& zone, RegionIndex index, unsigned units, bool of_full_word = true) {
  const Migratetype type = zone.node->blocks.at(zone.pageblocks.start(index)).type();
  const unsigned free = free_of(zone.pageblocks[index]) - units;
  count_out(zone, type, units);
  set_pageblock(zone, index, type, free,
                free == 0 ? 0 : largest_left(zone.pageblocks, index, of_full_word));
}
void taken_from_giga(Zone& zone, RegionIndex index, unsigned units, bool of_full_word = true) {
  const unsigned free = free_of(zone.gigas[index]) - units;
  set_giga(zone, kBrokenGiga, index, free,
           free == 0 ? 0 : largest_left(zone.gigas, index, of_full_word));
}

// --- GiBs ----------------------------------------------------------------------------------------

// A GiB that is free as a whole, whose map says so; those behind it in the run are marked.
void add_run(Zone& zone, RegionIndex index, uint32_t gigas) {
  zone.gigas.run(index) = gigas;
  set_giga(zone, kWholeGiga, index, FreeMap::kUnits, kGigaOrder);
}

// Takes a GiB from the end of a run; its map says that all of it is free. kNoFrame when there is
// none.
RegionIndex take_giga(Zone& zone) {
  RegionIndex index = zone.gigas.lowest(kWholeGiga, kGigaOrder);
  if (index == kNoFrame) return kNoFrame;
  if (zone.gigas.run(index) == 1) {
    set_giga(zone, kWholeGiga, index, 0, 0);
    return index;
  }
  // Only now does it get a map of its own.
  index += --zone.gigas.run(index);
  touch(*zone.node, zone.gigas.start(index));
  zone.gigas.fill(index);
  return index;
}

// Takes one out of the run it is in, wherever in the run it is.
void take_giga_at(Zone& zone, RegionIndex index) {
  PageblockMap& blocks = zone.node->blocks;
  RegionIndex first = index;
  while (blocks.in_run(zone.gigas.start(first))) --first;
  const uint32_t before = index - first;
  const uint32_t after = zone.gigas.run(first) - before - 1;
  set_giga(zone, kWholeGiga, first, 0, 0);
  const auto begin = [&](RegionIndex at) {
    if (!blocks.in_run(zone.gigas.start(at))) return;
    touch(*zone.node, zone.gigas.start(at));
    zone.gigas.fill(at);
  };
  begin(index);
  if (before != 0) add_run(zone, first, before);
  if (after != 0) {
    begin(index + 1);
    add_run(zone, index + 1, after);
  }
}

// A GiB from which blocks of an order in pageblocks can be taken; kNoFrame when there is none.
RegionIndex giga_with(Zone& zone, unsigned order) {
  const RegionIndex index = zone.gigas.lowest(kBrokenGiga, order);
  return index != kNoFrame ? index : take_giga(zone);
}

// How many regions are looked at, at most, for one of a stripe.
constexpr unsigned kStripeLooks = 8;

bool has_of(const FreeMap& map, Stripe stripe) {
  for (unsigned word = 0; word < FreeMap::kWords; ++word) {
    if (stripe.has(word) && map.word(word) != 0) return true;
  }
  return false;
}

// A GiB that has a pageblock of the stripe. A whole one is broken for it when the lowest that is
// broken has little left: else a CPU that works alone would break each for its part of it.
RegionIndex giga_of(Zone& zone, Stripe stripe) {
  RegionIndex index = zone.gigas.lowest(kBrokenGiga, 0);
  if (stripe.all() || index == kNoFrame) return index != kNoFrame ? index : take_giga(zone);
  const bool may_break = zone.gigas[index].free < FreeMap::kWordUnits;
  for (unsigned looks = 0; looks < kStripeLooks && index != kNoFrame; ++looks) {
    if (has_of(zone.gigas.map(index), stripe)) return index;
    index = zone.gigas.lowest(kBrokenGiga, 0, index + 1);
  }
  return may_break ? take_giga(zone) : kNoFrame;
}

// Pageblocks have become free, and their bits say so; `grown` is the largest block they are part of.
void pageblocks_freed(Zone& zone, RegionIndex index, unsigned count, unsigned grown) {
  const Region& region = zone.gigas[index];
  const unsigned free = region.free + count;
  if (free != FreeMap::kUnits) {
    const unsigned largest = std::max<unsigned>(region.free == 0 ? 0 : region.largest, grown);
    return set_giga(zone, kBrokenGiga, index, free, largest);
  }
  set_giga(zone, kBrokenGiga, index, 0, 0);
  add_run(zone, index, 1);
}

// A block of pageblock order or more, below the highest, which is all of one kind.
void free_pageblock_block(Zone& zone, Pfn pfn, unsigned order) {
  const RegionIndex index = zone.gigas.index(pfn);
  FreeMap& map = zone.gigas.map(index);
  const unsigned unit = zone.gigas.unit(pfn);
  map.set(unit, order - kPageblockOrder, true);
  pageblocks_freed(zone, index, 1u << (order - kPageblockOrder), map.order_at(unit));
}

// --- Pageblocks ----------------------------------------------------------------------------------

// A pageblock that is free as a whole and on no list any more becomes one whose frames are free.
RegionIndex break_whole(Zone& zone, Pfn pfn) {
  if (!is_described(*zone.node, pfn)) describe(*zone.node, pfn);
  const RegionIndex index = zone.pageblocks.index(pfn);
  zone.pageblocks.fill(index);
  return index;
}

// A whole pageblock, whatever it was for.
Pfn take_whole(Zone& zone, Stripe stripe) {
  const RegionIndex giga = giga_of(zone, stripe);
  if (giga == kNoFrame) return kNoPfn;
  FreeMap& map = zone.gigas.map(giga);
  unsigned unit = map.find(0);
  for (unsigned word = 0; !stripe.has(unit / FreeMap::kWordUnits); ++word) {
    if (stripe.has(word)) unit = map.first_from(word * FreeMap::kWordUnits);
  }
  map.set(unit, 0, false);
  taken_from_giga(zone, giga, 1);
  return zone.gigas.pfn(giga, unit);
}

// A broken pageblock of the stripe that has a free block of an order; kNoFrame when none is found.
RegionIndex broken_of(const Zone& zone, unsigned order, Migratetype type, Stripe stripe) {
  const auto kind = static_cast<unsigned>(type);
  RegionIndex index = zone.pageblocks.lowest(kind, order);
  for (unsigned looks = 1; index != kNoFrame; ++looks) {
    uint64_t word = index / FreeMap::kWordUnits;
    if (stripe.has(word)) return index;
    if (looks == kStripeLooks) return kNoFrame;
    while (!stripe.has(word)) ++word;
    const auto from = static_cast<RegionIndex>(word * FreeMap::kWordUnits);
    index = zone.pageblocks.lowest(kind, order, from);
  }
  return kNoFrame;
}

// A pageblock of the type that has a free block of an order below pageblock order: a broken one, or
// else a whole one, which then is broken, and of the type.
RegionIndex pageblock_with(Zone& zone, unsigned order, Migratetype type, Stripe stripe = {}) {
  const RegionIndex index = broken_of(zone, order, type, stripe);
  if (index != kNoFrame || special(type)) return index;
  const Pfn whole = take_whole(zone, stripe);
  if (whole == kNoPfn) {
    return stripe.all() ? kNoFrame : pageblock_with(zone, order, type);
  }
  set_type(*zone.node, whole, type);
  return break_whole(zone, whole);
}

// One block of an order below pageblock order.
Pfn take_small(Zone& zone, RegionIndex index, unsigned order) {
  FreeMap& map = zone.pageblocks.map(index);
  const unsigned unit = map.find(order);
  map.set(unit, order, false);
  taken_from_pageblock(zone, index, 1u << order);
  return zone.pageblocks.pfn(index, unit);
}

// The lowest `most` bits of a word that has some, or all of them; adds how many these are to `count`.
uint64_t lowest_bits(uint64_t word, unsigned most, unsigned& count) {
  // Most often as many lie in a row.
  const auto first = static_cast<unsigned>(std::countr_zero(word));
  if (first + most < FreeMap::kWordUnits) {
    const uint64_t row = ((uint64_t{1} << most) - 1) << first;
    if ((word & row) == row) {
      count += most;
      return row;
    }
  }
  uint64_t rest = word;
  for (; rest != 0 && most != 0; rest &= rest - 1, --most) ++count;
  return word ^ rest;
}

struct Taken {
  unsigned blocks = 0;
  bool of_full_word = false;
};
// Takes the bits of up to `want` blocks of an order of 0 to 6 out of a region's map.
Taken take_bits(const Regions& regions, RegionIndex index, unsigned order, unsigned want,
                FrameBatch& got, Stripe stripe = {}) {
  FreeMap& map = regions.map(index);
  Taken taken;
  for (unsigned i = 0; i < FreeMap::kWords; ++i) {
    const uint64_t word = map.word(i);
    if (word == 0 || !stripe.has(i)) continue;
    const uint64_t heads = block_heads(word, order);
    if (heads == 0) continue;
    if (taken.blocks == want || got.full()) break;
    const uint64_t some = lowest_bits(heads, want - taken.blocks, taken.blocks);
    map.set_word(i, word & ~block_bits(some, order));
    got.parts[got.count++] = {regions.pfn(index, i * FreeMap::kWordUnits).v, some};
    taken.of_full_word |= word == ~uint64_t{0};
  }
  return taken;
}

// Whom a type takes from when it has nothing itself, in this order.
constexpr std::array<std::array<Migratetype, 2>, kPcpMigratetypes> kFallbacks{{
    {Migratetype::Reclaimable, Migratetype::Movable},    // Unmovable
    {Migratetype::Reclaimable, Migratetype::Unmovable},  // Movable
    {Migratetype::Unmovable, Migratetype::Movable},      // Reclaimable
}};

// A broken pageblock of another type that has a free block of the order. Movable pages may be moved
// out again later, so they take as little as they can; the others take over the pageblock when half
// of it is free.
RegionIndex steal_pageblock(Zone& zone, unsigned order, Migratetype type) {
  const auto& fallbacks = kFallbacks[static_cast<size_t>(type)];
  const auto orders = [&](Migratetype of) {
    return zone.pageblocks.orders(static_cast<unsigned>(of)) >> order << order;
  };
  const uint32_t first = orders(fallbacks[0]);
  const uint32_t any = first | orders(fallbacks[1]);
  if (any == 0) return kNoFrame;
  auto found = static_cast<unsigned>(std::bit_width(any)) - 1;
  const bool may_convert = found >= kPageblockOrder / 2 || type != Migratetype::Movable;
  if (!may_convert) found = static_cast<unsigned>(std::countr_zero(any));
  const Migratetype from = (first >> found & 1) != 0 ? fallbacks[0] : fallbacks[1];
  const RegionIndex index = zone.pageblocks.lowest_of(static_cast<unsigned>(from), found);
  const Pfn pageblock = zone.pageblocks.start(index);
  if (may_convert && !zone.node->blocks.at(pageblock).shared() &&
      zone.pageblocks[index].free >= kPageblockFrames / 2) {
    set_pageblock_type(zone, pageblock, type);
  }
  return index;
}

// Frames of a broken pageblock are free from now on, and their bits say so; `grown` is the largest
// block that they are part of. One that is whole again is its GiB's.
void frames_freed(Zone& zone, RegionIndex index, unsigned count, unsigned grown) {
  const Pfn pageblock = zone.pageblocks.start(index);
  const Region& region = zone.pageblocks[index];
  const Migratetype type = zone.node->blocks.at(pageblock).type();
  count_in(zone, type, count);
  const unsigned free = region.free + count;
  if (free != FreeMap::kUnits || special(type)) {
    const unsigned largest = std::max<unsigned>(region.free == 0 ? 0 : region.largest, grown);
    return set_pageblock(zone, index, type, free, largest);
  }
  set_pageblock(zone, index, type, 0, 0);
  zone.pageblocks.map(index).fill(false);
  free_pageblock_block(zone, pageblock, kPageblockOrder);
}

// Calls visit(zone) for each zone of the node that may have frames of the range.
template <class Visit>
void for_each_zone_at(Node& node, PfnRange frames, Visit visit) {
  for (Zone& zone : node.zones) {
    if (zone.populated && zone.spanned.overlaps(frames)) visit(zone);
  }
}

}  // namespace

void touch(Node& node, Pfn pfn) {
  if (node.blocks.has_bytes(pfn)) return;
  const Pfn giga = align_down(pfn, kGigaFrames);
  for_each_zone_at(node, {giga, giga + kGigaFrames},
                   [&](Zone& zone) { zone.gigas.clear(zone.gigas.index(giga)); });
  node.blocks.make_bytes(pfn);
}

void describe(Node& node, Pfn pfn) {
  touch(node, pfn);
  const Pfn start = align_down(pfn, kPageblockFrames);
  node.blocks.clear_tags(&node.page(start));
  for_each_zone_at(node, {start, start + kPageblockFrames},
                   [&](Zone& zone) { zone.pageblocks.clear(zone.pageblocks.index(start)); });
  const Pageblock block = node.blocks.at(start);
  node.blocks.set(start, Pageblock{PageblockState::Described, block.type(), block.shared()});
}

void make_room(Node& node, Pfn pfn, unsigned order) {
  if (order >= kPageblockOrder) {
    touch(node, pfn);
  } else if (!is_described(node, pfn)) {
    describe(node, pfn);
  }
}

namespace {

// Whole pageblocks some of which may be of a kind that does not mix: each goes where it belongs.
[[gnu::noinline]] void free_by_pageblock(Zone& zone, PfnRange frames) {
  for (Pfn pfn = frames.start; pfn < frames.end; pfn += kPageblockFrames) {
    free_block(zone, pfn, kPageblockOrder);
  }
}

// Whole GiBs, all but the first of which are marked as of a run.
void free_run(Zone& zone, Pfn pfn, uint32_t gigas) {
  const RegionIndex index = zone.gigas.index(pfn);
  zone.gigas.fill(index);
  add_run(zone, index, gigas);
  count_in(zone, Migratetype::Movable, gigas * kGigaFrames);
}

}  // namespace

void free_block(Zone& zone, Pfn pfn, unsigned order) {
  Node& node = *zone.node;
  node.page(pfn, order).set_tag(Tag{});
  if (order < kPageblockOrder) {
    const RegionIndex index = zone.pageblocks.index(pfn);
    FreeMap& map = zone.pageblocks.map(index);
    const unsigned unit = zone.pageblocks.unit(pfn);
    map.set(unit, order, true);
    return frames_freed(zone, index, 1u << order, map.order_at(unit));
  }
  if (has_special(zone)) [[unlikely]] {
    if (order > kPageblockOrder) return free_by_pageblock(zone, {pfn, pfn + frames_of(order)});
    const Migratetype type = node.blocks.at(pfn).type();
    if (special(type)) {
      const RegionIndex index = break_whole(zone, pfn);
      count_in(zone, type, kPageblockFrames);
      return set_pageblock(zone, index, type, FreeMap::kUnits, kPageblockOrder);
    }
  }
  if (order == kMaxOrder) return free_run(zone, pfn, 1);
  count_in(zone, Migratetype::Movable, frames_of(order));
  free_pageblock_block(zone, pfn, order);
}

void free_frames(Zone& zone, const FrameBatch& frames) {
  for (unsigned i = 0; i < frames.count; ++i) {
    const FrameBits& part = frames.parts[i];
    const RegionIndex index = zone.pageblocks.index(part.first());
    FreeMap& map = zone.pageblocks.map(index);
    const unsigned word = zone.pageblocks.unit(part.first()) / FreeMap::kWordUnits;
    map.set_word(word, map.word(word) | part.bits);
    frames_freed(zone, index, count_bits(part.bits), map.largest_near(word));
  }
}

void free_pageblocks(Zone& zone, const FrameBatch& pageblocks) {
  const bool mixed = has_special(zone);
  for (unsigned i = 0; i < pageblocks.count; ++i) {
    const FrameBits& part = pageblocks.parts[i];
    const RegionIndex index = zone.gigas.index(part.first());
    const unsigned first = zone.gigas.unit(part.first());
    if (mixed) {
      for (uint64_t bits = part.bits; bits != 0; bits &= bits - 1) {
        const unsigned unit = first + static_cast<unsigned>(std::countr_zero(bits));
        free_block(zone, zone.gigas.pfn(index, unit), kPageblockOrder);
      }
      continue;
    }
    const auto count = count_bits(part.bits);
    FreeMap& map = zone.gigas.map(index);
    const unsigned word = first / FreeMap::kWordUnits;
    map.set_word(word, map.word(word) | part.bits);
    count_in(zone, Migratetype::Movable, count * kPageblockFrames);
    pageblocks_freed(zone, index, count, map.largest_near(word));
  }
}

Pfn take_block_of(Zone& zone, unsigned order, Migratetype type) {
  if (order < kPageblockOrder || special(type)) {
    const RegionIndex index =
        order <= kPageblockOrder ? pageblock_with(zone, order, type) : kNoFrame;
    if (index == kNoFrame) return kNoPfn;
    if (order < kPageblockOrder) return hand_out(zone, take_small(zone, index, order), order);
    zone.pageblocks.map(index).fill(false);
    taken_from_pageblock(zone, index, FreeMap::kUnits);
    return hand_out(zone, zone.pageblocks.start(index), order);
  }
  Pfn pfn;
  if (order == kMaxOrder) {
    const RegionIndex index = take_giga(zone);
    if (index == kNoFrame) return kNoPfn;
    zone.gigas.map(index).fill(false);
    pfn = zone.gigas.start(index);
  } else {
    const unsigned units = order - kPageblockOrder;
    const RegionIndex index = giga_with(zone, units);
    if (index == kNoFrame) return kNoPfn;
    const unsigned unit = zone.gigas.map(index).find(units);
    zone.gigas.map(index).set(unit, units, false);
    taken_from_giga(zone, index, 1u << units);
    pfn = zone.gigas.pfn(index, unit);
  }
  set_type(*zone.node, pfn, type);
  count_out(zone, type, frames_of(order));
  return hand_out(zone, pfn, order);
}

Pfn take_block(Zone& zone, unsigned order, Migratetype type) {
  const Pfn pfn = take_block_of(zone, order, type);
  if (pfn != kNoPfn || order >= kPageblockOrder || special(type)) return pfn;
  const RegionIndex index = steal_pageblock(zone, order, type);
  if (index == kNoFrame) return kNoPfn;
  return hand_out(zone, take_small(zone, index, order), order);
}

unsigned take_blocks(Zone& zone, unsigned order, Migratetype type, unsigned want, Stripe stripe,
                     FrameBatch& got) {
  unsigned blocks = 0;
  while (blocks < want && !got.full()) {
    unsigned now = want - blocks;
    RegionIndex index = pageblock_with(zone, order, type, stripe);
    if (index == kNoFrame) {
      index = steal_pageblock(zone, order, type);
      if (index == kNoFrame) break;
      // Of one that keeps its type as little as can be.
      if (zone.node->blocks.at(zone.pageblocks.start(index)).type() != type) now = 1;
    }
    const Taken some = take_bits(zone.pageblocks, index, order, now, got);
    taken_from_pageblock(zone, index, some.blocks << order, some.of_full_word);
    blocks += some.blocks;
  }
  return blocks;
}

unsigned give_back_far(Zone& zone, unsigned order, FrameBatch& got) {
  FrameBatch far;
  unsigned blocks = 0;
  unsigned kept = 0;
  for (unsigned i = 0; i < got.count; ++i) {
    const FrameBits& part = got.parts[i];
    if (zone.node->links_reach(part.first() + (FreeMap::kWordUnits - 1))) {
      got.parts[kept++] = part;
      continue;
    }
    blocks += count_bits(part.bits);
    far.parts[far.count++] = {part.first_pfn, block_bits(part.bits, order)};
  }
  got.count = kept;
  free_frames(zone, far);
  return blocks;
}

unsigned take_pageblocks(Zone& zone, Migratetype type, unsigned want, Stripe stripe,
                         FrameBatch& got) {
  unsigned pageblocks = 0;
  while (pageblocks < want && !got.full()) {
    RegionIndex index = giga_of(zone, stripe);
    if (index == kNoFrame && !stripe.all()) {
      stripe = {};
      index = giga_of(zone, stripe);
    }
    if (index == kNoFrame) break;
    const unsigned parts = got.count;
    const Taken some = take_bits(zone.gigas, index, 0, want - pageblocks, got, stripe);
    taken_from_giga(zone, index, some.blocks, some.of_full_word);
    count_out(zone, type, some.blocks * kPageblockFrames);
    pageblocks += some.blocks;
    for (unsigned i = parts; i < got.count; ++i) {
      zone.node->blocks.set_types(got.parts[i].first(), got.parts[i].bits, type);
    }
  }
  return pageblocks;
}

Pfn first_pageblock(const Zone& zone, Migratetype type) {
  const RegionIndex index = zone.pageblocks.lowest(static_cast<unsigned>(type), 0);
  return index == kNoFrame ? kNoPfn : zone.pageblocks.start(index);
}

namespace {

// Frames of one pageblock, which is not theirs alone.
void seed_frames(Zone& zone, PfnRange frames) {
  make_room(*zone.node, frames.start, 0);
  const RegionIndex index = zone.pageblocks.index(frames.start);
  FreeMap& map = zone.pageblocks.map(index);
  const unsigned first = zone.pageblocks.unit(frames.start);
  const auto count = static_cast<unsigned>(frames.size());
  map.free_range(first, first + count);
  frames_freed(zone, index, count, map.largest());
}

// Whole pageblocks of one GiB, and not all of it.
void seed_pageblocks(Zone& zone, PfnRange frames) {
  touch(*zone.node, frames.start);
  if (has_special(zone)) [[unlikely]]
    return free_by_pageblock(zone, frames);
  const RegionIndex index = zone.gigas.index(frames.start);
  FreeMap& map = zone.gigas.map(index);
  const unsigned first = zone.gigas.unit(frames.start);
  const auto count = static_cast<unsigned>(frames.size() / kPageblockFrames);
  map.free_range(first, first + count);
  count_in(zone, Migratetype::Movable, frames.size());
  pageblocks_freed(zone, index, count, map.largest());
}

}  // namespace

void seed(Zone& zone, PfnRange frames) {
  Node& node = *zone.node;
  for (Pfn pfn = frames.start; pfn < frames.end;) {
    const Pfn giga_end = std::min(end_of_part(pfn, kGigaFrames), frames.end);
    const Pfn pageblock_end = std::min(end_of_part(pfn, kPageblockFrames), giga_end);
    if (pageblock_end - pfn < kPageblockFrames) {
      seed_frames(zone, {pfn, pageblock_end});
      pfn = pageblock_end;
      continue;
    }
    if (giga_end - pfn < kGigaFrames) {
      const Pfn end = align_down(giga_end, kPageblockFrames);
      seed_pageblocks(zone, {pfn, end});
      pfn = end;
      continue;
    }
    if (!node.blocks.fresh_giga(pfn)) {
      free_block(zone, pfn, kMaxOrder);
      pfn = giga_end;
      continue;
    }
    const uint64_t gigas = node.blocks.fresh_gigas(pfn, (frames.end - pfn) / kGigaFrames);
    touch(node, pfn);
    node.blocks.set_in_run(pfn + kGigaFrames, gigas - 1);
    free_run(zone, pfn, static_cast<uint32_t>(gigas));
    pfn += gigas * kGigaFrames;
  }
}

BlockAt find_block(const Node& node, Pfn pfn) {
  const Pfn giga = align_down(pfn, kGigaFrames);
  const bool in_run = node.blocks.in_run(pfn);
  if (!in_run && !node.blocks.has_bytes(pfn)) return {};
  const bool described = !in_run && is_described(node, pfn);
  for (const Zone& zone : node.zones) {
    if (!zone.populated || !zone.spanned.contains(pfn)) continue;
    const auto block = [&](unsigned order) {
      return BlockAt{align_down(pfn, frames_of(order)), order,
                     Tag{BlockState::Free, order, zone.type, zone.node_id}};
    };
    RegionIndex index = zone.gigas.index(pfn);
    if (in_run) {
      while (node.blocks.in_run(zone.gigas.start(index))) --index;
      if (zone.gigas.map(index).has(0)) return block(kMaxOrder);
      continue;
    }
    const FreeMap& gigas = zone.gigas.map(index);
    const unsigned pageblock = zone.gigas.unit(pfn);
    if (gigas.has(pageblock)) return block(kPageblockOrder + gigas.order_at(pageblock));
    if (!described) continue;
    const FreeMap& frames = zone.pageblocks.map(zone.pageblocks.index(pfn));
    const unsigned frame = zone.pageblocks.unit(pfn);
    if (frames.has(frame)) return block(frames.order_at(frame));
  }
  // Blocks are aligned to their size: whichever covers the frame starts at the frame with some of
  // its lowest bits cleared, and nothing can start between.
  const auto found = [&](Pfn at, Tag tag) -> BlockAt {
    return pfn - at < frames_of(tag.order()) ? BlockAt{at, tag.order(), tag} : BlockAt{};
  };
  const Pfn pageblock = align_down(pfn, kPageblockFrames);
  for (Pfn at = pfn; described; at.v &= at.v - 1) {
    const Tag tag = node.page(at).tag();
    if (tag != Tag{}) return found(at, tag);
    if (at <= pageblock) break;
  }
  for (Pfn at = pageblock;; at.v &= at.v - 1) {
    const Tag tag = node.head(at).tag();
    if (tag != Tag{}) return found(at, tag);
    if (at <= giga) return {};
  }
}

void take_exactly(Zone& zone, const BlockAt& block, Pfn pfn, unsigned order) {
  Node& node = *zone.node;
  const RegionIndex small = zone.pageblocks.index(pfn);
  const auto take_frames = [&] {
    if (order == kPageblockOrder) {
      zone.pageblocks.map(small).fill(false);
    } else {
      zone.pageblocks.map(small).set(zone.pageblocks.unit(pfn), order, false);
    }
    taken_from_pageblock(zone, small, 1u << order);
  };
  const Migratetype type = node.blocks.at(pfn).type();
  if (block.order < kPageblockOrder || special(type)) {
    take_frames();
    hand_out(zone, pfn, order);
    return;
  }
  const RegionIndex index = zone.gigas.index(pfn);
  FreeMap& map = zone.gigas.map(index);
  if (block.order == kMaxOrder) take_giga_at(zone, index);
  if (order == kMaxOrder) {
    map.fill(false);
  } else {
    const unsigned units = std::max(order, kPageblockOrder) - kPageblockOrder;
    map.set(zone.gigas.unit(pfn), units, false);
    taken_from_giga(zone, index, 1u << units);
  }
  if (order >= kPageblockOrder) {
    count_out(zone, type, frames_of(order));
  } else {
    break_whole(zone, pfn);
    take_frames();
  }
  hand_out(zone, pfn, order);
}

void set_pageblock_type(Zone& zone, Pfn pageblock, Migratetype type) {
  Node& node = *zone.node;
  if (!node.blocks.in_run(pageblock)) touch(node, pageblock);
  const Migratetype from = node.blocks.at(pageblock).type();
  if (from == type) return;
  const RegionIndex index = zone.pageblocks.index(pageblock);
  const BlockAt whole = find_block(node, pageblock);
  const bool free = whole.tag.state() == BlockState::Free && whole.order >= kPageblockOrder;
  if (free) {
    // Out of where it is, and back to where it belongs.
    take_exactly(zone, whole, pageblock, kPageblockOrder);
    set_type(node, pageblock, type);
    count_types(zone, from, type);
    free_block(zone, pageblock, kPageblockOrder);
    return;
  }
  uint64_t moved = 0;
  if (is_described(node, pageblock)) {
    const Region region = zone.pageblocks[index];
    moved = region.free;
    set_pageblock(zone, index, from, 0, 0);
    set_type(node, pageblock, type);
    if (moved != 0) set_pageblock(zone, index, type, region.free, region.largest);
  } else {
    set_type(node, pageblock, type);
  }
  count_out(zone, from, moved);
  count_in(zone, type, moved);
  count_types(zone, from, type);
}

BlockCounts count_free_blocks(const Zone& zone) {
  BlockCounts counts{};
  for_each_free_block(zone, [&](Pfn, unsigned order, Migratetype type) {
    ++counts.of[static_cast<size_t>(type)][order];
    return true;
  });
  return counts;
}

}  // namespace mm
