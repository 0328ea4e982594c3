#include "mm/buddy.h"

#include <algorithm>
#include <bit>

namespace mm {

namespace {

constexpr uint32_t kSmallOrders = (uint32_t{1} << kPageblockOrder) - 1;

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

// Watermark checks read it without the lock.
void mark_nonempty(Zone& zone, Migratetype type, uint32_t orders) {
  zone.nonempty[static_cast<size_t>(type)] = orders;
}
uint32_t nonempty(const Zone& zone, Migratetype type) {
  return zone.nonempty[static_cast<size_t>(type)];
}

// --- Whole pageblocks, and larger blocks ---------------------------------------------------------

FrameList& list_of(Zone& zone, unsigned order, Migratetype type) {
  return zone.area(order).lists[static_cast<size_t>(type)];
}
Published<uint64_t>& nr_free(Zone& zone, unsigned order, Migratetype type) {
  return zone.area(order).nr_free[static_cast<size_t>(type)];
}

// On a list, and marked there; what is free is counted by the caller.
[[gnu::always_inline]] inline void link(Zone& zone, FrameIndex record, unsigned order,
                                        Migratetype type, bool to_tail) {
  Node& node = *zone.node;
  node.heads[record].set_tag(free_tag(zone, order));
  FrameList& list = list_of(zone, order, type);
  if (to_tail) {
    list.add_tail(node.heads, record);
  } else {
    list.add_head(node.heads, record);
  }
  ++nr_free(zone, order, type);
  mark_nonempty(zone, type, nonempty(zone, type) | uint32_t{1} << order);
}

// Off its list; its Page's tag is as it was.
[[gnu::always_inline]] inline void unlink(Zone& zone, FrameIndex record, unsigned order,
                                          Migratetype type) {
  FrameList& list = list_of(zone, order, type);
  list.remove(zone.node->heads, record);
  --nr_free(zone, order, type);
  if (!list.empty()) return;
  mark_nonempty(zone, type, nonempty(zone, type) & ~(uint32_t{1} << order));
}
void link(Zone& zone, Pfn pfn, unsigned order, Migratetype type, bool to_tail) {
  link(zone, zone.node->record(pfn), order, type, to_tail);
}
void unlink(Zone& zone, Pfn pfn, unsigned order, Migratetype type) {
  unlink(zone, zone.node->record(pfn), order, type);
}

// A free block made of a piece that was split off.
void file_piece(Zone& zone, Pfn pfn, unsigned order) {
  link(zone, pfn, order, zone.node->blocks.at(pfn).type(), false);
}

// The first 2^low frames of a block that is on no list stay with the caller; the rest is filed.
void split(Zone& zone, Pfn pfn, unsigned high, unsigned low) {
  while (high > low) {
    --high;
    file_piece(zone, pfn + frames_of(high), high);
  }
}

// Takes a block that is the first of its list, without its Page's tag being changed.
[[gnu::always_inline]] inline Pfn pop(Zone& zone, unsigned order, Migratetype type) {
  Node& node = *zone.node;
  const FrameIndex record = list_of(zone, order, type).head;
  Pfn pfn = node.pageblock(record);
  Page& page = node.heads[record];
  if (order == kMaxOrder && page.count > 1) {
    // The end of a run: only now does it get a Page of its own.
    --nr_free(zone, order, type);
    page.set_count(page.count - 1);
    pfn += page.count * kGigaFrames;
    node.blocks.touch(pfn);
    return pfn;
  }
  unlink(zone, record, order, type);
  return pfn;
}

// Takes one block of order 18 out of the run it is in, wherever in the run it is. It gets a Page.
void take_from_run(Zone& zone, Pfn giga) {
  Node& node = *zone.node;
  Pfn first = giga;
  while (node.blocks.in_run(first)) first -= kGigaFrames;
  Page& page = node.head(first);
  const uint64_t before = (giga - first) / kGigaFrames;
  const uint64_t after = page.count - before - 1;
  const Migratetype type = node.blocks.at(first).type();
  if (before == 0) {
    unlink(zone, first, kMaxOrder, type);
  } else {
    --nr_free(zone, kMaxOrder, type);
    page.set_count(static_cast<uint32_t>(before));
    node.blocks.touch(giga);
  }
  if (after != 0) {
    const Pfn next = giga + kGigaFrames;
    node.blocks.touch(next);
    node.head(next).set_count(static_cast<uint32_t>(after));
    link(zone, next, kMaxOrder, Migratetype::Movable, true);
    nr_free(zone, kMaxOrder, Migratetype::Movable) += after - 1;
    nr_free(zone, kMaxOrder, type) -= after;
  }
}

[[gnu::always_inline]] inline Pfn hand_out(Zone& zone, Pfn pfn, unsigned order) {
  Page& page = zone.node->page(pfn, order);
  page.set_count(1);
  page.set_tag(Tag{BlockState::Allocated, order, zone.type, zone.node_id});
  return pfn;
}

// --- Broken pageblocks ---------------------------------------------------------------------------

// A broken pageblock as a zone sees it; its frames that are free are `free`, the largest block of
// them has order `largest`.
struct Broken {
  FrameIndex record;
  Page& head;
  FreeMap& map;
  Migratetype type;

  Broken(const Zone& zone, FrameIndex index)
      : record(index),
        head(zone.node->heads[index]),
        map(zone.node->free_maps[index]),
        type(zone.node->blocks.at(zone.node->pageblock(index)).type()) {}
  [[nodiscard]] uint32_t free() const { return head.count; }
  // With all of them, when it has just been broken.
  [[nodiscard]] uint32_t in_map() const {
    return free() != 0 ? free() : static_cast<uint32_t>(kPageblockFrames);
  }
  [[nodiscard]] unsigned largest() const { return head.tag().order(); }
};

void publish_broken(Zone& zone, Migratetype type) {
  uint32_t orders = 0;
  for (const uint32_t some : zone.broken[static_cast<size_t>(type)].orders) orders |= some;
  mark_nonempty(zone, type, (nonempty(zone, type) & ~kSmallOrders) | orders);
}

void unfile(Zone& zone, const Broken& block) {
  BrokenPageblocks& all = zone.broken[static_cast<size_t>(block.type)];
  const unsigned full = BrokenPageblocks::class_of(block.free());
  FrameList& list = all.lists[full][block.largest()];
  list.remove(zone.node->heads, block.record);
  if (!list.empty()) return;
  all.orders[full] &= ~(uint32_t{1} << block.largest());
  publish_broken(zone, block.type);
}

void file(Zone& zone, const Broken& block) {
  BrokenPageblocks& all = zone.broken[static_cast<size_t>(block.type)];
  const unsigned full = BrokenPageblocks::class_of(block.free());
  FrameList& list = all.lists[full][block.largest()];
  // Low addresses tend to come first, so that whole GiBs become free above.
  if (list.empty() || block.record < list.head) {
    list.add_head(zone.node->heads, block.record);
  } else {
    list.add_tail(zone.node->heads, block.record);
  }
  if ((all.orders[full] >> block.largest() & 1) != 0) return;
  all.orders[full] |= uint32_t{1} << block.largest();
  publish_broken(zone, block.type);
}

// What is free of it has changed, from free() and largest(). One that has nothing free is on no
// list.
void refile(Zone& zone, const Broken& block, uint32_t free, unsigned largest) {
  const uint32_t before = block.free();
  const bool stays = before != 0 && free != 0 && largest == block.largest() &&
                     BrokenPageblocks::class_of(before) == BrokenPageblocks::class_of(free);
  if (!stays && before != 0) unfile(zone, block);
  block.head.set_count(free);
  if (stays) return;
  block.head.set_tag(Tag::broken(largest, zone.type, zone.node_id));
  if (free != 0) file(zone, block);
}

// So many frames have been taken, and their bits cleared.
void taken(Zone& zone, const Broken& block, uint64_t frames) {
  const uint32_t free = block.in_map() - static_cast<uint32_t>(frames);
  count_out(zone, block.type, frames);
  refile(zone, block, free, free == 0 ? 0 : block.map.largest());
}

// A pageblock that was a free block and is on no list becomes a broken one, still with all of its
// frames free, which somebody is about to take some of.
FrameIndex break_whole(Zone& zone, Pfn pfn) {
  Node& node = *zone.node;
  if (node.blocks.at(pfn).state() != PageblockState::Described) describe(node, pfn);
  const FrameIndex record = node.record(pfn);
  node.heads[record].set_tag(Tag::broken(0, zone.type, zone.node_id));
  node.heads[record].set_count(0);
  node.free_maps[record].fill(true);
  return record;
}

// The pageblock that requests of the order are served from; kNoFrame when no broken one has any.
FrameIndex find_broken(const Zone& zone, unsigned order, Migratetype type) {
  const BrokenPageblocks& all = zone.broken[static_cast<size_t>(type)];
  for (unsigned full = 0; full < BrokenPageblocks::kClasses; ++full) {
    FrameIndex lowest = kNoFrame;
    uint32_t fitting = all.orders[full] >> order << order;
    for (; fitting != 0; fitting &= fitting - 1) {
      const auto largest = static_cast<unsigned>(std::countr_zero(fitting));
      lowest = std::min(lowest, all.lists[full][largest].head);
    }
    if (lowest != kNoFrame) return lowest;
  }
  return kNoFrame;
}

// Takes up to `want` blocks of an order of 0 to 6 out of a broken pageblock.
unsigned take_heads(Zone& zone, FrameIndex record, unsigned order, unsigned want, FrameBatch& got) {
  const Broken block(zone, record);
  const Pfn start = zone.node->pageblock(record);
  unsigned blocks = 0;
  for (unsigned i = 0; i < FreeMap::kWords && blocks < want && !got.full(); ++i) {
    const uint64_t word = block.map.word(i);
    uint64_t heads = word == 0 ? 0 : block_heads(word, order);
    if (heads == 0) continue;
    auto count = static_cast<unsigned>(std::popcount(heads));
    for (; count > want - blocks; --count) heads &= ~std::bit_floor(heads);
    block.map.set_word(i, word & ~block_bits(heads, order));
    got.parts[got.count++] = {start.v + uint64_t{i} * FreeMap::kWordFrames, heads};
    blocks += count;
  }
  taken(zone, block, uint64_t{blocks} << order);
  return blocks;
}

// One block of an order below pageblock order.
Pfn take_small(Zone& zone, FrameIndex record, unsigned order) {
  const Broken block(zone, record);
  const Pfn start = zone.node->pageblock(record);
  const Pfn pfn = start + block.map.find(order);
  block.map.set(pfn, order, false);
  taken(zone, block, frames_of(order));
  return pfn;
}

// A pageblock of the type that has a free block of the order: one that is broken, or else a whole
// one, which then is.
FrameIndex pageblock_with(Zone& zone, unsigned order, Migratetype type) {
  const FrameIndex broken = find_broken(zone, order, type);
  if (broken != kNoFrame) return broken;
  const uint32_t whole = nonempty(zone, type) & ~kSmallOrders;
  if (whole == 0) return kNoFrame;
  const auto found = static_cast<unsigned>(std::countr_zero(whole));
  const Pfn pfn = pop(zone, found, type);
  split(zone, pfn, found, kPageblockOrder);
  return break_whole(zone, pfn);
}

// --- Of other types ------------------------------------------------------------------------------

// Whom a type takes from when it has nothing itself, in this order.
constexpr std::array<std::array<Migratetype, 2>, kPcpMigratetypes> kFallbacks{{
    {Migratetype::Reclaimable, Migratetype::Movable},    // Unmovable
    {Migratetype::Reclaimable, Migratetype::Unmovable},  // Movable
    {Migratetype::Unmovable, Migratetype::Movable},      // Reclaimable
}};

// Takes the largest block of pageblock order or more of the types that `type` falls back to, down
// to `order`, on no list any more; its first pageblock is of the type then.
Pfn steal_whole(Zone& zone, unsigned order, Migratetype type) {
  const auto& fallbacks = kFallbacks[static_cast<size_t>(type)];
  const uint32_t first = nonempty(zone, fallbacks[0]) >> order << order;
  const uint32_t second = nonempty(zone, fallbacks[1]) >> order << order;
  if ((first | second) == 0) return kNoPfn;
  // The largest block, so that what is left of it serves more requests of the new type.
  const auto found = static_cast<unsigned>(std::bit_width(first | second)) - 1;
  const Migratetype from = (first >> found & 1) != 0 ? fallbacks[0] : fallbacks[1];
  const Pfn pfn = pop(zone, found, from);
  split(zone, pfn, found, order);
  const Pageblock block = zone.node->blocks.at(pfn);
  zone.node->blocks.set(pfn, Pageblock{block.state(), type, block.shared()});
  return pfn;
}

// Of the broken pageblocks of the type those whose largest free block is of the order: the first of
// the emptiest.
FrameIndex emptiest_with(const Zone& zone, unsigned largest, Migratetype type) {
  const BrokenPageblocks& all = zone.broken[static_cast<size_t>(type)];
  for (unsigned full = BrokenPageblocks::kClasses; full > 0; --full) {
    if ((all.orders[full - 1] >> largest & 1) != 0) return all.lists[full - 1][largest].head;
  }
  return kNoFrame;
}

// A pageblock of another type that has a free block of the order. Movable pages may be moved out
// again later, so they take as little as they can; the others take over the pageblock when half of
// it is free.
FrameIndex steal_pageblock(Zone& zone, unsigned order, Migratetype type) {
  if (const Pfn whole = steal_whole(zone, kPageblockOrder, type); whole != kNoPfn) {
    return break_whole(zone, whole);
  }
  const auto& fallbacks = kFallbacks[static_cast<size_t>(type)];
  const uint32_t first = nonempty(zone, fallbacks[0]) >> order << order;
  const uint32_t second = nonempty(zone, fallbacks[1]) >> order << order;
  const uint32_t any = first | second;
  if (any == 0) return kNoFrame;
  auto found = static_cast<unsigned>(std::bit_width(any)) - 1;
  const bool may_convert = found >= kPageblockOrder / 2 || type != Migratetype::Movable;
  if (!may_convert) found = static_cast<unsigned>(std::countr_zero(any));
  const Migratetype from = (first >> found & 1) != 0 ? fallbacks[0] : fallbacks[1];
  const FrameIndex record = emptiest_with(zone, found, from);
  const Pfn pageblock = zone.node->pageblock(record);
  if (may_convert && !zone.node->blocks.at(pageblock).shared() &&
      zone.node->heads[record].count >= kPageblockFrames / 2) {
    set_pageblock_type(zone, pageblock, type);
  }
  return record;
}

// Whether the frames beside a block are a free block of the same order of the zone.
bool buddy_is_free(const Zone& zone, Pfn pfn, unsigned order) {
  if (order == kMaxOrder) return false;
  const Node& node = *zone.node;
  const Pfn buddy{pfn.v ^ frames_of(order)};
  return node.head(buddy).tag() == free_tag(zone, order);
}

}  // namespace

void init_free_lists(Zone& zone) {
  zone.free_pages = 0;
  zone.isolated_pages = 0;
  zone.isolated_pageblocks = 0;
  zone.nonempty.fill(0);
  FreeArea none;
  none.lists.fill({kNoFrame, kNoFrame});
  none.nr_free.fill(0);
  zone.areas.fill(none);
  for (BrokenPageblocks& broken : zone.broken) {
    for (auto& lists : broken.lists) lists.fill({kNoFrame, kNoFrame});
    broken.orders.fill(0);
  }
}

void describe(Node& node, Pfn pfn) {
  const Pfn start = align_down(pfn, kPageblockFrames);
  node.blocks.touch(start);
  const Pageblock block = node.blocks.at(start);
  Page* pages = &node.page(start);
  for (uint64_t i = 0; i < kPageblockFrames; i += 16) {
#pragma GCC unroll 16
    for (uint64_t j = 0; j < 16; ++j) pages[i + j].set_tag(Tag{});
  }
  node.free_maps[node.record(start)].fill(false);
  node.blocks.set(start, Pageblock{PageblockState::Described, block.type(), block.shared()});
}

void break_pageblock(Zone& zone, Pfn pfn) {
  Node& node = *zone.node;
  if (node.blocks.at(pfn).state() != PageblockState::Described) describe(node, pfn);
  Page& head = node.heads[record_of(zone, pfn)];
  if (head.tag().is_broken()) return;
  head.set_tag(Tag::broken(0, zone.type, zone.node_id));
  head.set_count(0);
}

FrameIndex record_of(const Zone& zone, Pfn pfn) {
  const Node& node = *zone.node;
  if (!node.blocks.at(pfn).shared()) return node.record(pfn);
  const Edge wanted{align_down(pfn, kPageblockFrames), zone.type};
  return node.edge_record(
      std::lower_bound(node.edges, node.edges + node.edge_count, wanted));
}

namespace {

// A block some of whose pageblocks may be of a kind that does not mix: each goes where it belongs,
// and merges there.
[[gnu::noinline]] void free_by_pageblock(Zone& zone, Pfn pfn, unsigned order, bool to_tail) {
  Node& node = *zone.node;
  node.head(pfn).set_tag(Tag{});
  for (uint64_t i = 0; i < frames_of(order); i += kPageblockFrames) {
    node.head(pfn + i).set_tag(Tag{});
    free_block(zone, pfn + i, kPageblockOrder, to_tail);
  }
}

// Merges a block of pageblock order or more with its neighbours as far as it goes, and files it. All
// of them are in its GiB, and so their Pages may be read.
[[gnu::noinline]] void merge(Zone& zone, Pfn pfn, unsigned order, bool to_tail) {
  Node& node = *zone.node;
  Page* const heads = node.heads;
  Pageblock block = node.blocks.at(pfn);
  FrameIndex at = node.record(pfn);
  FrameIndex half = FrameIndex{1} << (order - kPageblockOrder);
  uint32_t wanted = free_tag(zone, order).word();
  const uint32_t order_step = free_tag(zone, 1).word() - free_tag(zone, 0).word();
  for (; order < kMaxOrder; ++order, half <<= 1, wanted += order_step) {
    const FrameIndex buddy = at ^ half;
    if (heads[buddy].tag().word() != wanted) break;
    const Pageblock other = node.blocks.at(node.blocks.pageblock(buddy));
    if (!may_merge(block.type(), other.type())) break;
    unlink(zone, buddy, order, other.type());
    heads[at | half].set_tag(Tag{});
    if (buddy < at) block = other;
    at &= ~half;
  }

  if (order == kMaxOrder) {
    heads[at].set_count(1);
  } else if (order + 1 < kMaxOrder && !to_tail) {
    // If the pair this block belongs to has a free neighbour of the pair's size, the pair will
    // probably be merged with it as soon as its other half is freed: use this block last.
    const FrameIndex neighbour = (at & ~half) ^ half << 1;
    to_tail = heads[neighbour].tag().word() == wanted + order_step;
  }
  link(zone, at, order, block.type(), to_tail);
}

// Frames of a broken pageblock are free from now on; their bits say so. `grown` is the largest
// block that they are part of.
void freed(Zone& zone, FrameIndex record, uint64_t frames, unsigned grown, bool to_tail) {
  const Broken block(zone, record);
  count_in(zone, block.type, frames);
  const auto free = block.free() + static_cast<uint32_t>(frames);
  if (free != kPageblockFrames) {
    const unsigned before = block.free() == 0 ? 0 : block.largest();
    return refile(zone, block, free, std::max(before, grown));
  }
  refile(zone, block, 0, 0);
  block.map.fill(false);
  block.head.set_tag(Tag{});
  merge(zone, zone.node->pageblock(record), kPageblockOrder, to_tail);
}

}  // namespace

void free_block(Zone& zone, Pfn pfn, unsigned order, bool to_tail) {
  Node& node = *zone.node;
  if (order < kPageblockOrder) {
    const FrameIndex record = record_of(zone, pfn);
    FreeMap& map = node.free_maps[record];
    node.page(pfn).set_tag(Tag{});
    map.set(pfn, order, true);
    return freed(zone, record, frames_of(order), map.order_at(pfn), to_tail);
  }
  if (order > kPageblockOrder && (zone.isolated_pageblocks | zone.nr_reserved_highatomic) != 0)
      [[unlikely]] {
    return free_by_pageblock(zone, pfn, order, to_tail);
  }
  const Migratetype type = node.blocks.at(pfn).type();
  count_in(zone, type, frames_of(order));
  if (order != kMaxOrder) return merge(zone, pfn, order, to_tail);
  node.head(pfn).set_count(1);
  link(zone, pfn, kMaxOrder, type, to_tail);
}

void free_frames(Zone& zone, const FrameBatch& frames) {
  const Node& node = *zone.node;
  for (unsigned i = 0; i < frames.count; ++i) {
    const FrameBits& part = frames.parts[i];
    const FrameIndex record = record_of(zone, part.first());
    FreeMap& map = node.free_maps[record];
    const unsigned word = FreeMap::word_of(part.first());
    map.set_word(word, map.word(word) | part.bits);
    const auto count = static_cast<unsigned>(std::popcount(part.bits));
    freed(zone, record, count, map.largest_near(part.first()), false);
  }
}

Pfn take_block_of(Zone& zone, unsigned order, Migratetype type) {
  if (order < kPageblockOrder) {
    const FrameIndex record = pageblock_with(zone, order, type);
    if (record == kNoFrame) return kNoPfn;
    return hand_out(zone, take_small(zone, record, order), order);
  }
  const uint32_t fitting = nonempty(zone, type) >> order;
  if (fitting == 0) return kNoPfn;
  const unsigned found = order + static_cast<unsigned>(std::countr_zero(fitting));
  const Pfn pfn = pop(zone, found, type);
  if (found != order) split(zone, pfn, found, order);
  count_out(zone, type, frames_of(order));
  return hand_out(zone, pfn, order);
}

Pfn take_block(Zone& zone, unsigned order, Migratetype type) {
  const Pfn pfn = take_block_of(zone, order, type);
  if (pfn != kNoPfn || type >= Migratetype::HighAtomic) return pfn;
  if (order < kPageblockOrder) {
    const FrameIndex record = steal_pageblock(zone, order, type);
    if (record == kNoFrame) return kNoPfn;
    return hand_out(zone, take_small(zone, record, order), order);
  }
  const Pfn whole = steal_whole(zone, order, type);
  if (whole == kNoPfn) return kNoPfn;
  count_out(zone, type, frames_of(order));
  return hand_out(zone, whole, order);
}

unsigned take_blocks(Zone& zone, unsigned order, Migratetype type, unsigned want, FrameBatch& got) {
  unsigned blocks = 0;
  while (blocks < want && !got.full()) {
    unsigned now = want - blocks;
    FrameIndex record = pageblock_with(zone, order, type);
    if (record == kNoFrame) {
      record = steal_pageblock(zone, order, type);
      if (record == kNoFrame) break;
      // Of one that keeps its type as little as can be.
      if (Broken(zone, record).type != type) now = 1;
    }
    blocks += take_heads(zone, record, order, now, got);
  }
  return blocks;
}

Pfn first_pageblock(const Zone& zone, unsigned order, Migratetype type) {
  const FrameIndex record = order < kPageblockOrder
                                ? emptiest_with(zone, order, type)
                                : zone.area(order).lists[static_cast<size_t>(type)].head;
  return zone.node->pageblock(record);
}

void free_pageblocks(Zone& zone, std::span<const Pfn> pageblocks) {
  Node& node = *zone.node;
  for (size_t i = 0; i < pageblocks.size();) {
    const Pfn pfn = pageblocks[i];
    const Migratetype type = node.blocks.at(pfn).type();
    // The largest aligned block of those that follow.
    unsigned order = kPageblockOrder;
    size_t count = 1;
    while (pfn.v % frames_of(order + 1) == 0 && i + 2 * count <= pageblocks.size() &&
           pageblocks[i + 2 * count - 1] == pfn + (frames_of(order + 1) - kPageblockFrames) &&
           order + 1 < kMaxOrder) {
      ++order;
      count *= 2;
    }
    bool alike = true;
    for (size_t n = 1; n < count && alike; ++n) {
      alike = node.blocks.at(pageblocks[i + n]).type() == type;
    }
    if (!alike) {
      order = kPageblockOrder;
      count = 1;
    }
    for (size_t n = 1; n < count; ++n) node.head(pageblocks[i + n]).set_tag(Tag{});
    free_block(zone, pfn, order);
    i += count;
  }
}

unsigned take_pageblocks(Zone& zone, Migratetype type, Tag tag, std::span<Pfn> got) {
  unsigned count = 0;
  while (count < got.size()) {
    const uint32_t whole = nonempty(zone, type) & ~kSmallOrders;
    if (whole == 0) break;
    const auto found = static_cast<unsigned>(std::countr_zero(whole));
    const auto room = static_cast<unsigned>(std::bit_width(got.size() - count)) - 1;
    const unsigned order = std::min(found, kPageblockOrder + room);
    const Pfn pfn = pop(zone, found, type);
    split(zone, pfn, found, order);
    count_out(zone, type, frames_of(order));
    for (uint64_t i = 0; i < frames_of(order); i += kPageblockFrames) {
      zone.node->head(pfn + i).set_tag(tag);
      got[count++] = pfn + i;
    }
  }
  return count;
}

void seed(Zone& zone, PfnRange frames) {
  Node& node = *zone.node;
  Pfn pfn = frames.start;
  while (pfn < frames.end) {
    const uint64_t left = frames.end - pfn;
    const unsigned order = std::min({kMaxOrder, static_cast<unsigned>(std::countr_zero(pfn.v)),
                                     static_cast<unsigned>(std::bit_width(left)) - 1});
    if (order < kPageblockOrder) {
      break_pageblock(zone, pfn);
      free_block(zone, pfn, order, true);
      pfn += frames_of(order);
      continue;
    }
    if (order == kMaxOrder && node.blocks.fresh_giga(pfn)) {
      const uint64_t gigas = node.blocks.fresh_gigas(pfn, left / kGigaFrames);
      node.blocks.touch(pfn);
      node.blocks.set_in_run(pfn + kGigaFrames, gigas - 1);
      node.head(pfn).set_count(static_cast<uint32_t>(gigas));
      link(zone, pfn, order, Migratetype::Movable, true);
      nr_free(zone, order, Migratetype::Movable) += gigas - 1;
      count_in(zone, Migratetype::Movable, gigas * kGigaFrames);
      pfn += gigas * kGigaFrames;
      continue;
    }
    node.blocks.touch(pfn);
    const Migratetype type = node.blocks.at(pfn).type();
    if (buddy_is_free(zone, pfn, order) || type == Migratetype::Isolate) {
      node.head(pfn).set_tag(Tag{});
      free_block(zone, pfn, order, true);
    } else {
      link(zone, pfn, order, type, true);
      count_in(zone, type, frames_of(order));
      if (order == kMaxOrder) node.head(pfn).set_count(1);
    }
    pfn += frames_of(order);
  }
}

namespace {

// A free block below pageblock order that covers the frame; it may be of either zone that has
// frames there.
BlockAt find_free(const Node& node, FrameIndex record, Pfn pfn) {
  const FreeMap& map = node.free_maps[record];
  if (!map.has(pfn)) return {};
  const unsigned order = std::min(map.order_at(pfn), kPageblockOrder - 1);
  const Tag whose = node.heads[record].tag();
  return {align_down(pfn, frames_of(order)), order,
          Tag{BlockState::Free, order, whose.zone(), whose.node()}};
}

}  // namespace

BlockAt find_block(const Node& node, Pfn pfn) {
  const Pfn giga = align_down(pfn, kGigaFrames);
  if (node.blocks.in_run(pfn)) {
    // In a run: its first block is the next one below that has a Page.
    Pfn first = giga;
    while (node.blocks.in_run(first)) first -= kGigaFrames;
    return {giga, kMaxOrder, node.head(first).tag()};
  }
  const Pfn pageblock = align_down(pfn, kPageblockFrames);
  const PageblockState state = node.blocks.at(pfn).state();
  // Blocks are aligned to their size: whichever covers the frame starts at the frame with some of
  // its lowest bits cleared, and nothing can start between.
  const auto found = [&](Pfn at, Tag tag) -> BlockAt {
    return pfn - at < frames_of(tag.order()) ? BlockAt{at, tag.order(), tag} : BlockAt{};
  };
  if (state == PageblockState::Described) {
    BlockAt free;
    for_each_record(node, pageblock, [&](FrameIndex record) {
      if (free.tag == Tag{}) free = find_free(node, record, pfn);
    });
    if (free.tag != Tag{}) return free;
    for (Pfn at = pfn;; at.v &= at.v - 1) {
      const Tag tag = node.page(at).tag();
      if (tag.state() != BlockState::None) return found(at, tag);
      if (at <= pageblock) break;
    }
  }
  for (Pfn at = pageblock;; at.v &= at.v - 1) {
    if (node.blocks.at(at).state() != PageblockState::Untouched) {
      const Tag tag = node.head(at).tag();
      if (tag.state() != BlockState::None) return found(at, tag);
    }
    if (at <= giga) return {};
  }
}

void take_exactly(Zone& zone, const BlockAt& block, Pfn pfn, unsigned order) {
  Node& node = *zone.node;
  if (block.order < kPageblockOrder) {
    const Broken broken(zone, record_of(zone, pfn));
    broken.map.set(pfn, order, false);
    taken(zone, broken, frames_of(order));
    hand_out(zone, pfn, order);
    return;
  }
  Pfn at = block.pfn;
  const Migratetype type = node.blocks.at(at).type();  // Movable inside a run
  if (block.order == kMaxOrder) {
    take_from_run(zone, at);
  } else {
    unlink(zone, at, block.order, type);
  }
  // Halve the block around what is wanted.
  for (unsigned high = block.order; high > std::max(order, kPageblockOrder);) {
    --high;
    const Pfn upper = at + frames_of(high);
    node.head(at).set_tag(Tag{});
    if (pfn >= upper) {
      file_piece(zone, at, high);
      at = upper;
    } else {
      file_piece(zone, upper, high);
    }
  }
  if (order < kPageblockOrder) {
    const Broken broken(zone, break_whole(zone, at));
    broken.map.set(pfn, order, false);
    taken(zone, broken, frames_of(order));
  } else {
    count_out(zone, type, frames_of(order));
  }
  hand_out(zone, pfn, order);
}

void set_pageblock_type(Zone& zone, Pfn pageblock, Migratetype type) {
  Node& node = *zone.node;
  const Pageblock block = node.blocks.at(pageblock);
  const Migratetype from = block.type();
  if (from == type) return;
  uint64_t moved = 0;
  const auto set = [&] {
    node.blocks.set(pageblock, Pageblock{block.state(), type, block.shared()});
  };
  node.blocks.touch(pageblock);
  const Tag tag = node.head(pageblock).tag();
  if (tag.is_broken()) {
    const FrameIndex record = node.record(pageblock);
    moved = node.heads[record].count;
    if (moved != 0) unfile(zone, Broken(zone, record));
    set();
    if (moved != 0) file(zone, Broken(zone, record));
  } else {
    if (tag.state() == BlockState::Free) {
      unlink(zone, pageblock, tag.order(), from);
      link(zone, pageblock, tag.order(), type, false);
      moved = frames_of(tag.order());
    }
    set();
  }
  count_out(zone, from, moved);
  count_in(zone, type, moved);
  count_types(zone, from, type);
}

void remerge(Zone& zone, Pfn pageblock) {
  Node& node = *zone.node;
  const Pageblock block = node.blocks.at(pageblock);
  if (!block.readable(pageblock.v)) return;
  const Tag tag = node.head(pageblock).tag();
  if (tag.state() != BlockState::Free || tag.order() == kMaxOrder) return;
  unlink(zone, pageblock, tag.order(), block.type());
  node.head(pageblock).set_tag(Tag{});
  count_out(zone, block.type(), frames_of(tag.order()));
  free_block(zone, pageblock, tag.order());
}

namespace {

void change_isolation(Zone& zone, Pfn pageblock, Migratetype from, Migratetype to) {
  const BlockAt block = find_block(*zone.node, pageblock);
  if (block.tag.state() == BlockState::Free && block.order > kPageblockOrder) {
    take_exactly(zone, block, pageblock, kPageblockOrder);
    const Pageblock taken = zone.node->blocks.at(pageblock);
    zone.node->blocks.set(pageblock, Pageblock{taken.state(), to, taken.shared()});
    count_types(zone, from, to);
    free_block(zone, pageblock, kPageblockOrder);
    return;
  }
  set_pageblock_type(zone, pageblock, to);
  remerge(zone, pageblock);
}

}  // namespace

void isolate_pageblock(Zone& zone, Pfn pageblock) {
  const Migratetype from = zone.node->blocks.at(pageblock).type();
  if (from != Migratetype::Isolate) change_isolation(zone, pageblock, from, Migratetype::Isolate);
}

void unisolate_pageblock(Zone& zone, Pfn pageblock, Migratetype type) {
  if (zone.node->blocks.at(pageblock).type() != Migratetype::Isolate) return;
  change_isolation(zone, pageblock, Migratetype::Isolate, type);
}

BlockCounts count_free_blocks(const Zone& zone) {
  const Node& node = *zone.node;
  BlockCounts counts{};
  for (unsigned type = 0; type < kMigratetypes; ++type) {
    for (unsigned order = kPageblockOrder; order < kOrders; ++order) {
      counts.of[type][order] = zone.area(order).nr_free[type];
    }
  }
  for (Pfn pfn = zone.spanned.start; pfn < zone.spanned.end;) {
    const Pfn pageblock = align_down(pfn, kPageblockFrames);
    if (!node.blocks.has_bytes(pfn)) {
      pfn = align_down(pfn, kGigaFrames) + kGigaFrames;
      continue;
    }
    pfn = pageblock + kPageblockFrames;
    const Pageblock block = node.blocks.at(pageblock);
    if (block.state() != PageblockState::Described) continue;
    const FrameIndex record = record_of(zone, pageblock);
    const Tag tag = node.heads[record].tag();
    if (!tag.is_broken() || tag.zone() != zone.type) continue;
    node.free_maps[record].for_each_block([&](uint64_t /*frame*/, unsigned order) {
      if (order < kPageblockOrder) ++counts.of[static_cast<size_t>(block.type())][order];
      return true;
    });
  }
  return counts;
}

}  // namespace mm
