#include "mm/buddy.h"

#include <algorithm>
#include <bit>

namespace mm {
namespace {

Tag free_tag(const Zone& zone, unsigned order) {
  return Tag{BlockState::Free, order, zone.type, zone.node_id};
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

FrameList& list_of(Zone& zone, unsigned order, Migratetype type) {
  return zone.free_area[order].lists[static_cast<size_t>(type)];
}

// Watermark checks read it without the lock.
void mark_nonempty(Zone& zone, Migratetype type, uint32_t orders) {
  zone.nonempty[static_cast<size_t>(type)] = orders;
}

// On a list, and marked there; free_pages and nr_free are the caller's.
[[gnu::always_inline]] inline void link(Zone& zone, Pfn pfn, unsigned order, Migratetype type,
                                        bool to_tail) {
  Node& node = *zone.node;
  const FrameIndex frame = node.index(pfn);
  node.mem_map[frame].set_tag(free_tag(zone, order));
  FrameList& list = list_of(zone, order, type);
  if (to_tail) {
    list.add_tail(node.mem_map, frame);
  } else {
    list.add_head(node.mem_map, frame);
  }
  mark_nonempty(zone, type, zone.nonempty[static_cast<size_t>(type)] | uint32_t{1} << order);
}

[[gnu::always_inline]] inline void unlink(Zone& zone, Pfn pfn, unsigned order, Migratetype type) {
  Node& node = *zone.node;
  FrameList& list = list_of(zone, order, type);
  list.remove(node.mem_map, node.index(pfn));
  if (!list.empty()) return;
  mark_nonempty(zone, type, zone.nonempty[static_cast<size_t>(type)] & ~(uint32_t{1} << order));
}

// A free block made of a piece that was split off.
void file_piece(Zone& zone, Pfn pfn, unsigned order) {
  Node& node = *zone.node;
  const Pageblock block = node.blocks.at(pfn);
  if (block.state() == PageblockState::Untouched) {
    node.blocks.set(pfn, Pageblock{PageblockState::HeadValid, block.type(), block.shared()});
  }
  link(zone, pfn, order, block.type(), false);
  ++zone.free_area[order].nr_free;
}

// The first 2^low frames of a block that is on no list stay with the caller; the rest is filed.
void split(Zone& zone, Pfn pfn, unsigned high, unsigned low) {
  while (high > low && high > kPageblockOrder) {
    --high;
    file_piece(zone, pfn + frames_of(high), high);
  }
  if (high == low) return;
  Node& node = *zone.node;
  const Pageblock block = node.blocks.at(pfn);
  if (block.state() != PageblockState::Described) describe(node, pfn);
  while (high > low) {
    --high;
    link(zone, pfn + frames_of(high), high, block.type(), false);
    ++zone.free_area[high].nr_free;
  }
}

// Takes a block that is the first of its list, without its Page's tag being changed.
[[gnu::always_inline]] inline Pfn pop(Zone& zone, unsigned order, Migratetype type) {
  Node& node = *zone.node;
  const FrameIndex frame = list_of(zone, order, type).head;
  --zone.free_area[order].nr_free;
  Pfn pfn = node.pfn(frame);
  Page& page = node.mem_map[frame];
  if (order == kMaxOrder && page.count > 1) {
    // The end of a run: only now does it get a Page of its own.
    page.set_count(page.count - 1);
    pfn += page.count * kGigaFrames;
    node.blocks.clear_in_run(pfn);
    node.blocks.set(pfn, Pageblock{PageblockState::HeadValid, Migratetype::Movable, false});
    return pfn;
  }
  unlink(zone, pfn, order, type);
  return pfn;
}

// Takes one block of order 18 out of the run it is in, wherever in the run it is. It gets a Page.
void take_from_run(Zone& zone, Pfn giga) {
  Node& node = *zone.node;
  constexpr Pageblock kHead{PageblockState::HeadValid, Migratetype::Movable, false};
  --zone.free_area[kMaxOrder].nr_free;
  Pfn first = giga;
  while (node.blocks.in_run(first)) first -= kGigaFrames;
  Page& page = node.page(first);
  const uint64_t before = (giga - first) / kGigaFrames;
  const uint64_t after = page.count - before - 1;
  if (before == 0) {
    unlink(zone, first, kMaxOrder, node.blocks.at(first).type());
  } else {
    page.set_count(static_cast<uint32_t>(before));
    node.blocks.clear_in_run(giga);
    node.blocks.set(giga, kHead);
  }
  if (after != 0) {
    const Pfn next = giga + kGigaFrames;
    node.blocks.clear_in_run(next);
    node.blocks.set(next, kHead);
    node.page(next).set_count(static_cast<uint32_t>(after));
    link(zone, next, kMaxOrder, Migratetype::Movable, true);
  }
}

[[gnu::always_inline]] inline Pfn hand_out(Zone& zone, Pfn pfn, unsigned order) {
  Page& page = zone.node->page(pfn);
  page.set_count(1);
  page.set_tag(Tag{BlockState::Allocated, order, zone.type, zone.node_id});
  return pfn;
}

// Whom a type takes from when it has nothing itself, in this order.
constexpr std::array<std::array<Migratetype, 2>, kPcpMigratetypes> kFallbacks{{
    {Migratetype::Reclaimable, Migratetype::Movable},    // Unmovable
    {Migratetype::Reclaimable, Migratetype::Unmovable},  // Movable
    {Migratetype::Unmovable, Migratetype::Movable},      // Reclaimable
}};

// Whether the frames beside a block are a free block of the same order of the zone.
bool buddy_is_free(const Zone& zone, Pfn pfn, unsigned order) {
  if (order == kMaxOrder) return false;
  const Node& node = *zone.node;
  const Pfn buddy{pfn.v ^ frames_of(order)};
  return (order < kPageblockOrder || node.blocks.at(buddy).state() != PageblockState::Untouched) &&
         node.page(buddy).tag() == free_tag(zone, order);
}

// Frames of the zone that are free in a described pageblock.
uint64_t free_in_pageblock(const Zone& zone, Pfn pageblock) {
  const Node& node = *zone.node;
  uint64_t free = 0;
  for (uint64_t i = 0; i < kPageblockFrames;) {
    const Tag tag = node.page(pageblock + i).tag();
    if (tag.state() == BlockState::None) {
      ++i;
      continue;
    }
    if (tag.state() == BlockState::Free && tag.zone() == zone.type) free += frames_of(tag.order());
    i += frames_of(tag.order());
  }
  return free;
}

Pfn take_fallback(Zone& zone, unsigned order, Migratetype type) {
  const auto& fallbacks = kFallbacks[static_cast<size_t>(type)];
  const uint32_t first = zone.nonempty[static_cast<size_t>(fallbacks[0])] >> order << order;
  const uint32_t second = zone.nonempty[static_cast<size_t>(fallbacks[1])] >> order << order;
  const uint32_t any = first | second;
  if (any == 0) return kNoPfn;
  // The largest block, so that what is left of it serves more requests of the new type.
  auto found = static_cast<unsigned>(std::bit_width(any)) - 1;
  const auto holder = [&](unsigned o) {
    return (first >> o & 1) != 0 ? fallbacks[0] : fallbacks[1];
  };

  if (found >= kPageblockOrder) {
    const Migratetype from = holder(found);
    const Pfn pfn = pop(zone, found, from);
    const unsigned kept = std::max(order, kPageblockOrder);
    split(zone, pfn, found, kept);
    const Pageblock block = zone.node->blocks.at(pfn);
    zone.node->blocks.set(pfn, Pageblock{block.state(), type, block.shared()});
    split(zone, pfn, kept, order);
    count_out(zone, from, frames_of(order));
    return hand_out(zone, pfn, order);
  }

  // Inside pageblocks of another type. Movable pages may be moved out again later, so they take as
  // little as they can; the others take over the pageblock when half of it is free.
  const bool may_convert = found >= kPageblockOrder / 2 || type != Migratetype::Movable;
  if (!may_convert) found = static_cast<unsigned>(std::countr_zero(any));
  const Migratetype from = holder(found);
  if (may_convert) {
    const Pfn pfn = zone.node->pfn(list_of(zone, found, from).head);
    const Pfn pageblock = align_down(pfn, kPageblockFrames);
    if (!zone.node->blocks.at(pfn).shared() &&
        free_in_pageblock(zone, pageblock) >= kPageblockFrames / 2) {
      set_pageblock_type(zone, pageblock, type);
      return take_block_of(zone, order, type);
    }
  }
  const Pfn pfn = pop(zone, found, from);
  split(zone, pfn, found, order);
  count_out(zone, from, frames_of(order));
  return hand_out(zone, pfn, order);
}

}  // namespace

void init_free_area(Zone& zone) {
  zone.free_pages = 0;
  zone.isolated_pages = 0;
  zone.isolated_pageblocks = 0;
  zone.nonempty.fill(0);
  FreeArea none;
  none.lists.fill({kNoFrame, kNoFrame});
  none.nr_free = 0;
  zone.free_area.fill(none);
}

void describe(Node& node, Pfn pfn) {
  const Pfn start = align_down(pfn, kPageblockFrames);
  const Pageblock block = node.blocks.at(start);
  Page* pages = &node.page(start);
  for (uint64_t i = 0; i < kPageblockFrames; i += 16) {
#pragma GCC unroll 16
    for (uint64_t j = 0; j < 16; ++j) pages[i + j].set_tag(Tag{});
  }
  node.blocks.set(start, Pageblock{PageblockState::Described, block.type(), block.shared()});
}

namespace {

// A block some of whose pageblocks may be of a kind that does not mix: each goes where it belongs,
// and merges there.
[[gnu::noinline]] void free_by_pageblock(Zone& zone, Pfn pfn, unsigned order, bool to_tail) {
  Node& node = *zone.node;
  node.page(pfn).set_tag(Tag{});
  for (uint64_t i = 0; i < frames_of(order); i += kPageblockFrames) {
    const Pageblock piece = node.blocks.at(pfn + i);
    if (piece.state() == PageblockState::Untouched) {
      node.blocks.set(pfn + i, Pageblock{PageblockState::HeadValid, piece.type(), false});
    }
    node.page(pfn + i).set_tag(Tag{});
    free_block(zone, pfn + i, kPageblockOrder, to_tail);
  }
}

// Merges a block with its neighbours as far as it goes, and files it.
[[gnu::noinline]] void merge(Zone& zone, Pfn pfn, unsigned order, bool to_tail) {
  Node& node = *zone.node;
  Pageblock block = node.blocks.at(pfn);
  count_in(zone, block.type(), frames_of(order));

  // Below pageblock order the buddy is in the same pageblock, which is described: its Page says
  // all.
  uint32_t wanted = free_tag(zone, order).word();
  const uint32_t order_step = free_tag(zone, 1).word() - free_tag(zone, 0).word();
  Pfn buddy{pfn.v ^ frames_of(order)};
  for (; order < kPageblockOrder;
       ++order, wanted += order_step, buddy.v = pfn.v ^ frames_of(order)) {
    Page& page = node.page(buddy);
    if (page.tag().word() != wanted) break;
    unlink(zone, buddy, order, block.type());
    --zone.free_area[order].nr_free;
    node.page({pfn.v | frames_of(order)}).set_tag(Tag{});
    pfn.v &= ~frames_of(order);
  }
  // From there on it is a pageblock of its own, which may be untouched or of a kind not to be
  // mixed.
  if (order >= kPageblockOrder) {
    for (; order < kMaxOrder; ++order, wanted += order_step, buddy.v = pfn.v ^ frames_of(order)) {
      const Pageblock other = node.blocks.at(buddy);
      if (other.state() == PageblockState::Untouched) break;
      if (node.page(buddy).tag().word() != wanted || !may_merge(block.type(), other.type())) break;
      unlink(zone, buddy, order, other.type());
      --zone.free_area[order].nr_free;
      node.page({pfn.v | frames_of(order)}).set_tag(Tag{});
      if (buddy < pfn) block = other;
      pfn.v &= ~frames_of(order);
    }
  }

  if (order >= kMaxOrder) {
    node.page(pfn).set_count(1);
  } else if (order + 1 < kMaxOrder && !to_tail) {
    // If the pair this block belongs to has a free neighbour of the pair's size, the pair will
    // probably be merged with it as soon as its other half is freed: use this block last.
    const Pfn pair{pfn.v & ~frames_of(order)};
    const Pfn neighbour{pair.v ^ frames_of(order + 1)};
    to_tail = (order + 1 < kPageblockOrder ||
               node.blocks.at(neighbour).state() != PageblockState::Untouched) &&
              node.page(neighbour).tag().word() == wanted + order_step;
  }
  link(zone, pfn, order, block.type(), to_tail);
  ++zone.free_area[order].nr_free;
}

}  // namespace

void free_block(Zone& zone, Pfn pfn, unsigned order, bool to_tail) {
  if (order > kPageblockOrder && (zone.isolated_pageblocks | zone.nr_reserved_highatomic) != 0)
      [[unlikely]] {
    return free_by_pageblock(zone, pfn, order, to_tail);
  }
  if (order != kMaxOrder) return merge(zone, pfn, order, to_tail);
  Node& node = *zone.node;
  const Migratetype type = node.blocks.at(pfn).type();
  count_in(zone, type, kGigaFrames);
  node.page(pfn).set_count(1);
  link(zone, pfn, kMaxOrder, type, to_tail);
  ++zone.free_area[kMaxOrder].nr_free;
}

Pfn take_block_of(Zone& zone, unsigned order, Migratetype type) {
  const uint32_t fitting = zone.nonempty[static_cast<size_t>(type)] >> order;
  if (fitting == 0) return kNoPfn;
  const unsigned found = order + static_cast<unsigned>(std::countr_zero(fitting));
  const Pfn pfn = pop(zone, found, type);
  if (found != order) split(zone, pfn, found, order);
  count_out(zone, type, frames_of(order));
  return hand_out(zone, pfn, order);
}

[[gnu::noinline]] static Pfn take_other(Zone& zone, unsigned order, Migratetype type) {
  const Pfn pfn = take_block_of(zone, order, type);
  if (pfn != kNoPfn || type >= Migratetype::HighAtomic) return pfn;
  return take_fallback(zone, order, type);
}

Pfn take_block(Zone& zone, unsigned order, Migratetype type) {
  if ((zone.nonempty[static_cast<size_t>(type)] >> order & 1) != 0) {
    const Pfn pfn = pop(zone, order, type);
    count_out(zone, type, frames_of(order));
    return hand_out(zone, pfn, order);
  }
  return take_other(zone, order, type);
}

void seed(Zone& zone, PfnRange frames) {
  Node& node = *zone.node;
  Pfn pfn = frames.start;
  while (pfn < frames.end) {
    const uint64_t left = frames.end - pfn;
    const unsigned order = std::min({kMaxOrder, static_cast<unsigned>(std::countr_zero(pfn.v)),
                                     static_cast<unsigned>(std::bit_width(left)) - 1});
    if (order == kMaxOrder && node.blocks.fresh_giga(pfn)) {
      const uint64_t gigas = node.blocks.fresh_gigas(pfn, left / kGigaFrames);
      node.blocks.set(pfn, Pageblock{PageblockState::HeadValid, Migratetype::Movable, false});
      node.blocks.set_in_run(pfn + kGigaFrames, gigas - 1);
      node.page(pfn).set_count(static_cast<uint32_t>(gigas));
      link(zone, pfn, order, Migratetype::Movable, true);
      zone.free_area[order].nr_free += gigas;
      count_in(zone, Migratetype::Movable, gigas * kGigaFrames);
      pfn += gigas * kGigaFrames;
      continue;
    }
    const Pageblock block = node.blocks.at(pfn);
    if (order < kPageblockOrder) {
      if (block.state() != PageblockState::Described) describe(node, pfn);
    } else if (block.state() == PageblockState::Untouched) {
      node.blocks.set(pfn, Pageblock{PageblockState::HeadValid, block.type(), block.shared()});
    }
    if (buddy_is_free(zone, pfn, order) || block.type() == Migratetype::Isolate) {
      node.page(pfn).set_tag(Tag{});
      free_block(zone, pfn, order, true);
    } else {
      link(zone, pfn, order, block.type(), true);
      ++zone.free_area[order].nr_free;
      count_in(zone, block.type(), frames_of(order));
      if (order == kMaxOrder) node.page(pfn).set_count(1);
    }
    pfn += frames_of(order);
  }
}

BlockAt find_block(const Node& node, Pfn pfn) {
  const Pfn giga = align_down(pfn, kGigaFrames);
  if (node.blocks.in_run(pfn)) {
    // In a run: its first block is the next one below that has a Page.
    Pfn first = giga;
    while (node.blocks.in_run(first)) first -= kGigaFrames;
    return {giga, kMaxOrder, node.page(first).tag()};
  }
  // Blocks are aligned to their size: whichever covers the frame starts at the frame with some of
  // its lowest bits cleared, and nothing can start between.
  for (Pfn at = pfn;; at.v &= at.v - 1) {
    if (node.blocks.at(at).readable(at.v)) {
      const Tag tag = node.page(at).tag();
      if (tag.state() != BlockState::None) {
        if (pfn - at < frames_of(tag.order())) return {at, tag.order(), tag};
        return {};
      }
    }
    if (at <= giga) return {};
  }
}

void take_exactly(Zone& zone, const BlockAt& block, Pfn pfn, unsigned order) {
  Node& node = *zone.node;
  const Migratetype type = node.blocks.at(block.pfn).type();  // Movable inside a run
  count_out(zone, type, frames_of(order));
  Pfn at = block.pfn;
  if (block.order == kMaxOrder) {
    take_from_run(zone, at);
  } else {
    unlink(zone, at, block.order, type);
    --zone.free_area[block.order].nr_free;
  }
  // Halve the block around what is wanted.
  for (unsigned high = block.order; high > order;) {
    --high;
    if (high + 1 == kPageblockOrder && node.blocks.at(at).state() != PageblockState::Described) {
      describe(node, at);
    }
    const Pfn upper = at + frames_of(high);
    node.page(at).set_tag(Tag{});
    if (pfn >= upper) {
      file_piece(zone, at, high);
      at = upper;
    } else {
      file_piece(zone, upper, high);
    }
    if (high >= kPageblockOrder && node.blocks.at(at).state() == PageblockState::Untouched) {
      const Pageblock fresh = node.blocks.at(at);
      node.blocks.set(at, Pageblock{PageblockState::HeadValid, fresh.type(), fresh.shared()});
    }
  }
  hand_out(zone, pfn, order);
}

void set_pageblock_type(Zone& zone, Pfn pageblock, Migratetype type) {
  Node& node = *zone.node;
  const Pageblock block = node.blocks.at(pageblock);
  const Migratetype from = block.type();
  if (from == type) return;
  uint64_t moved = 0;
  const auto move = [&](Pfn pfn, unsigned order) {
    unlink(zone, pfn, order, from);
    link(zone, pfn, order, type, false);
    moved += frames_of(order);
  };
  if (block.state() == PageblockState::Described) {
    for (uint64_t i = 0; i < kPageblockFrames;) {
      const Tag tag = node.page(pageblock + i).tag();
      if (tag.state() == BlockState::Free && tag.order() <= kPageblockOrder) {
        move(pageblock + i, tag.order());
      }
      i += tag.state() == BlockState::None ? 1 : frames_of(tag.order());
    }
  } else if (block.state() == PageblockState::HeadValid) {
    const Tag tag = node.page(pageblock).tag();
    if (tag.state() == BlockState::Free) move(pageblock, tag.order());
  }
  count_out(zone, from, moved);
  count_in(zone, type, moved);
  node.blocks.set(pageblock, Pageblock{block.state(), type, block.shared()});
  count_types(zone, from, type);
}

void remerge(Zone& zone, Pfn pageblock) {
  Node& node = *zone.node;
  const Pageblock block = node.blocks.at(pageblock);
  if (!block.readable(pageblock.v)) return;
  const Tag tag = node.page(pageblock).tag();
  if (tag.state() != BlockState::Free || tag.order() < kPageblockOrder ||
      tag.order() == kMaxOrder) {
    return;
  }
  unlink(zone, pageblock, tag.order(), block.type());
  --zone.free_area[tag.order()].nr_free;
  count_out(zone, block.type(), frames_of(tag.order()));
  node.page(pageblock).set_tag(Tag{});
  free_block(zone, pageblock, tag.order());
}

void isolate_pageblock(Zone& zone, Pfn pageblock) {
  Node& node = *zone.node;
  const Migratetype from = node.blocks.at(pageblock).type();
  if (from == Migratetype::Isolate) return;
  const BlockAt block = find_block(node, pageblock);
  if (block.tag.state() == BlockState::Free && block.order > kPageblockOrder) {
    take_exactly(zone, block, pageblock, kPageblockOrder);
    const Pageblock taken = node.blocks.at(pageblock);
    node.blocks.set(pageblock, Pageblock{taken.state(), Migratetype::Isolate, taken.shared()});
    count_types(zone, from, Migratetype::Isolate);
    free_block(zone, pageblock, kPageblockOrder);
    return;
  }
  set_pageblock_type(zone, pageblock, Migratetype::Isolate);
  remerge(zone, pageblock);
}

void unisolate_pageblock(Zone& zone, Pfn pageblock, Migratetype type) {
  Node& node = *zone.node;
  if (node.blocks.at(pageblock).type() != Migratetype::Isolate) return;
  const BlockAt block = find_block(node, pageblock);
  if (block.tag.state() == BlockState::Free && block.order > kPageblockOrder) {
    take_exactly(zone, block, pageblock, kPageblockOrder);
    const Pageblock taken = node.blocks.at(pageblock);
    node.blocks.set(pageblock, Pageblock{taken.state(), type, taken.shared()});
    count_types(zone, Migratetype::Isolate, type);
    free_block(zone, pageblock, kPageblockOrder);
    return;
  }
  set_pageblock_type(zone, pageblock, type);
  remerge(zone, pageblock);
}

}  // namespace mm
