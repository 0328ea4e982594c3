// The bodies of PageAllocator<Policy>: starting, allocating, freeing; mm/page_alloc.h includes it.
//
// What happens often is written out here in the order it happens and touches as little as it can;
// whatever is rare, or wrong, leaves for a function that is not inlined.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "mm/page_alloc.h"
#include "mm/published.h"

namespace mm {

// --- Starting up ---------------------------------------------------------------------------------

template <class Policy>
Result<> PageAllocator<Policy>::init(const Layout& layout, const DirectMap& map, unsigned cpus,
                                     const Printer& out, NodeId boot_node) {
  BATON_TRY(init_core(layout, map, cpus));
  for (size_t id = 0; id < node_count_; ++id) {
    for (Zone& zone : nodes_[id]->zones) new (zone.lock.data()) Lock();
  }
  BATON_TRY(start_cpu_core(0, boot_node));
  print_zonelists(out);
  return {};
}

template <class Policy>
Result<> PageAllocator<Policy>::start_cpu(unsigned cpu, NodeId node) {
  return start_cpu_core(cpu, node);
}

template <class Policy>
Result<> PageAllocator<Policy>::release(PfnRange frames) {
  BATON_TRY(check_release(frames));
  while (!frames.empty()) {
    PfnRange part;
    Zone& zone = *zone_part(frames, part);
    if (when_freed_) [[unlikely]]
      put_away(part);
    const Masked masked;
    const Locked locked(zone);
    seed(zone, part);
    zone.managed += part.size();
    frames.start = part.end;
  }
  return {};
}

template <class Policy>
void PageAllocator<Policy>::setup_watermarks(uint64_t min_free_kbytes) {
  compute_watermarks(min_free_kbytes);
  if (pagesets_ready_) adopt_pcp_limits();
}

template <class Policy>
void PageAllocator<Policy>::setup_per_cpu_pageset(PageSets sets) {
  page_sets_ = sets;
  adopt_pcp_limits();
}

// --- Allocating ----------------------------------------------------------------------------------

// What most requests come to: a small block from this CPU's list of a zone of its own node. It is
// inlined where it is called, so that a constant order and gfp cost nothing; whatever else there is
// to do is done by a function called last, so that nothing has to be kept for afterwards.
template <class Policy>
inline PagesOr PageAllocator<Policy>::alloc_pages(unsigned cpu, Gfp gfp, unsigned order,
                                                  NodeId preferred) {
  if (order > kPcpMaxOrder) {
    return order == kPageblockOrder ? alloc_huge(cpu, gfp, preferred)
                                    : alloc_large(cpu, gfp, order, preferred);
  }
  CpuHeader& header = cpu_header(cpu);
  if (preferred != header.node_id) [[unlikely]]
    return slow_alloc(cpu, gfp, order, preferred);
  const Node& node = *header.node;
  const Choice& choice = node.choices[gfp.bits() % kChoices];
  if (choice.zone->free_pages < choice.mark + frames_of(order)) [[unlikely]] {
    return slow_alloc(cpu, gfp, order, preferred);
  }
  Pfn pfn;
  {
    const Masked masked;
    Pcp& pcp = pcp_at(header, choice.zone->pcp_offset);
    HotList& list = pcp.lists[pcp_list(order, gfp_migratetype(gfp))];
    if (list.empty()) [[unlikely]]
      return alloc_after_refill(cpu, gfp, order, preferred);
    pfn = pop(node, list);
    Policy::add(pcp.room, static_cast<int32_t>(frames_of(order)));
    pcp.free_factor >>= 1;
    Policy::add(pcp.events.hit, uint64_t{1});
  }
  if (gfp.has(kGfpFlagZero)) [[unlikely]]
    return zeroed(pfn, order);
  return pfn;
}

// The newest block of a CPU's list, allocated. Its count is 1 already.
template <class Policy>
[[gnu::always_inline]] inline Pfn PageAllocator<Policy>::pop(const Node& node, HotList& list) {
  const FrameIndex frame = list.pop(node.mem_map);
  Page& page = node.mem_map[frame];
  page.set_tag(page.tag().as_allocated());
  return node.pfn(frame);
}

// The same of a pageblock.
template <class Policy>
[[gnu::always_inline]] inline Pfn PageAllocator<Policy>::pop_huge(const Node& node, HotList& list) {
  Page* const heads = node.blocks.heads();
  const FrameIndex index = list.pop(heads);
  Page& page = heads[index];
  page.set_tag(page.tag().as_allocated());
  return node.blocks.pageblock(index);
}

template <class Policy>
[[gnu::noinline]] PagesOr PageAllocator<Policy>::alloc_after_refill(unsigned cpu, Gfp gfp,
                                                                    unsigned order,
                                                                    NodeId preferred) {
  CpuHeader& header = cpu_header(cpu);
  Pfn pfn = kNoPfn;
  {
    const Masked masked;
    Pcp& pcp = pcp_at(header, header.node->choices[gfp.bits() % kChoices].zone->pcp_offset);
    const Migratetype type = gfp_migratetype(gfp);
    if (refill(pcp, order, type)) {
      pfn = pop(*header.node, pcp.lists[pcp_list(order, type)]);
      Policy::add(pcp.room, static_cast<int32_t>(frames_of(order)));
      pcp.free_factor >>= 1;
      Policy::add(pcp.events.hit, uint64_t{1});
    }
  }
  if (pfn == kNoPfn) return slow_alloc(cpu, gfp, order, preferred);
  if (gfp.has(kGfpFlagZero)) return zeroed(pfn, order);
  return pfn;
}

// A pageblock, from the CPU's list of them.
template <class Policy>
[[gnu::noinline]] PagesOr PageAllocator<Policy>::alloc_huge(unsigned cpu, Gfp gfp,
                                                            NodeId preferred) {
  CpuHeader& header = cpu_header(cpu);
  if (preferred != header.node_id) [[unlikely]] {
    return slow_alloc(cpu, gfp, kPageblockOrder, preferred);
  }
  const Node& node = *header.node;
  const Choice& choice = node.choices[gfp.bits() % kChoices];
  if (choice.zone->free_pages < choice.mark + kPageblockFrames) [[unlikely]] {
    return slow_alloc(cpu, gfp, kPageblockOrder, preferred);
  }
  Pfn pfn;
  {
    const Masked masked;
    Pcp& pcp = pcp_at(header, choice.zone->pcp_offset);
    HotList& list = pcp.lists[kPcpHugeList];
    if (list.empty()) [[unlikely]]
      return alloc_huge_after_refill(cpu, gfp, preferred);
    pfn = pop_huge(node, list);
    Policy::add(pcp.huge_room, 1);
    Policy::add(pcp.events.hit, uint64_t{1});
  }
  if (gfp.has(kGfpFlagZero)) [[unlikely]]
    return zeroed(pfn, kPageblockOrder);
  return pfn;
}

template <class Policy>
[[gnu::noinline]] PagesOr PageAllocator<Policy>::alloc_huge_after_refill(unsigned cpu, Gfp gfp,
                                                                         NodeId preferred) {
  CpuHeader& header = cpu_header(cpu);
  Pfn pfn = kNoPfn;
  {
    const Masked masked;
    Pcp& pcp = pcp_at(header, header.node->choices[gfp.bits() % kChoices].zone->pcp_offset);
    if (refill_huge(pcp, gfp_migratetype(gfp))) {
      pfn = pop_huge(*header.node, pcp.lists[kPcpHugeList]);
      Policy::add(pcp.huge_room, 1);
      Policy::add(pcp.events.hit, uint64_t{1});
    }
  }
  if (pfn == kNoPfn) return alloc_large(cpu, gfp, kPageblockOrder, preferred);
  if (gfp.has(kGfpFlagZero)) return zeroed(pfn, kPageblockOrder);
  return pfn;
}

// A larger block, from the zone.
template <class Policy>
[[gnu::noinline]] PagesOr PageAllocator<Policy>::alloc_large(unsigned cpu, Gfp gfp, unsigned order,
                                                             NodeId preferred) {
  CpuHeader& header = cpu_header(cpu);
  if (order > kMaxOrder || preferred != header.node_id) [[unlikely]] {
    return slow_alloc(cpu, gfp, order, preferred);
  }
  const Choice& choice = header.node->choices[gfp.bits() % kChoices];
  if (choice.zone->free_pages < choice.mark + frames_of(order)) [[unlikely]] {
    return slow_alloc(cpu, gfp, order, preferred);
  }
  Pfn pfn;
  {
    Zone& zone = *choice.zone;
    const Masked masked;
    const Locked locked(zone);
    pfn = take_block(zone, order, gfp_migratetype(gfp));
    if (pfn != kNoPfn) [[likely]]
      Policy::add(pcp_at(header, zone.pcp_offset).events.hit, uint64_t{1});
  }
  if (pfn == kNoPfn) [[unlikely]]
    return slow_alloc(cpu, gfp, order, preferred);
  if (gfp.has(kGfpFlagZero)) [[unlikely]]
    return zeroed(pfn, order);
  return pfn;
}

// Blocks that the zone gave to the end of a CPU's list; their Pages are those of `pages`, by index.
template <class Policy>
template <class IndexOf>
[[gnu::always_inline]] inline void PageAllocator<Policy>::add_oldest(HotList& list, Page* pages,
                                                                     const FrameBatch& got, Tag tag,
                                                                     IndexOf index_of) {
  HotList::Appender oldest(list, pages);
  for (unsigned i = 0; i < got.count; ++i) {
    const FrameIndex first = index_of(got.parts[i].first());
    Page* const part = pages + first;
    for (uint64_t bits = got.parts[i].bits; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<FrameIndex>(std::countr_zero(bits));
      part[bit].set_tag(tag);
      part[bit].set_count(1);
      oldest.add(part[bit], first + bit);
    }
  }
  oldest.finish();
}

// A batch of blocks of orders 0 to 3, or several, from the zone to the CPU's list. Whether there is
// one now.
template <class Policy>
[[gnu::noinline]] bool PageAllocator<Policy>::refill(Pcp& pcp, unsigned order, Migratetype type) {
  Zone& zone = *pcp.zone;
  adopt(pcp);
  // Twice as much each time, until something goes back (Linux since 6.7), while there is room. Of
  // more than so many batches too much would be left, here and there, for memory to become whole.
  constexpr int32_t kMostBatches = 16;
  const int32_t most = std::max(pcp.high - pcp.count() - pcp.batch, pcp.batch);
  const int32_t fetch = std::clamp(pcp.next_fetch, pcp.batch, most);
  pcp.next_fetch = std::min(fetch * 2, pcp.batch * kMostBatches);
  const int32_t want = fetch > 1 ? std::max(fetch >> order, 2) : fetch;
  HotList& list = pcp.lists[pcp_list(order, type)];
  const Node& node = *zone.node;
  const Tag tag{BlockState::OnCpuList, order, zone.type, zone.node_id};
  FrameBatch got;
  unsigned blocks = 0;
  {
    const Locked locked(zone);
    blocks = take_blocks(zone, order, type, static_cast<unsigned>(want), stripe_of(pcp), got);
    if (!node.links_reach_all()) [[unlikely]]
      blocks -= give_back_far(zone, order, got);
  }
  add_oldest(list, node.mem_map, got, tag, [&](Pfn pfn) { return node.index(pfn); });
  Policy::add(pcp.room, -static_cast<int32_t>(blocks << order));
  return blocks != 0;
}

// Pageblocks from the zone to the CPU's list, a quarter of what it may keep at first. Whether there
// is one.
template <class Policy>
[[gnu::noinline]] bool PageAllocator<Policy>::refill_huge(Pcp& pcp, Migratetype type) {
  Zone& zone = *pcp.zone;
  adopt(pcp);
  const int32_t want = std::clamp(pcp.next_huge_fetch, (pcp.huge_high + 3) / 4, pcp.huge_high);
  pcp.next_huge_fetch = want * 2;
  const Node& node = *zone.node;
  FrameBatch got;
  unsigned count = 0;
  {
    const Locked locked(zone);
    count = take_pageblocks(zone, type, static_cast<unsigned>(want), stripe_of(pcp), got);
  }
  const Tag tag{BlockState::OnCpuList, kPageblockOrder, zone.type, zone.node_id};
  add_oldest(pcp.lists[kPcpHugeList], node.blocks.heads(), got, tag,
             [&](Pfn pfn) { return node.blocks.index(pfn); });
  Policy::add(pcp.huge_room, -static_cast<int32_t>(count));
  return count != 0;
}

template <class Policy>
[[gnu::noinline]] PagesOr PageAllocator<Policy>::zeroed(Pfn pfn, unsigned order) const {
  fill({pfn, pfn + frames_of(order)}, 0);
  return pfn;
}

// Page by page no call of another CPU comes between: what reaches a page of highmem may be another
// page's afterwards.
template <class Policy>
void PageAllocator<Policy>::fill(PfnRange frames, uint64_t word) const {
  for (Pfn frame = frames.start; frame < frames.end; frame += 1) {
    const Masked masked;
    uint64_t* const words = Policy::page_at(map_, phys(frame));
#pragma GCC unroll 8
    for (size_t i = 0; i < kPageSize / 8; ++i) words[i] = word;
  }
}

template <class Policy>
[[gnu::noinline]] void PageAllocator<Policy>::put_away(PfnRange frames) const {
  if (contents_.fills()) fill(frames, contents_.free_word());
  if (presence_.set != nullptr) presence_.set(presence_.context, frames, false);
}

// Poisoned frames that hold something else; how many. `out` may be null.
template <class Policy>
uint64_t PageAllocator<Policy>::find_corrupted(PfnRange frames, const Printer* out) {
  uint64_t found = 0;
  for (Pfn frame = frames.start; frame < frames.end; frame += 1) {
    const Masked masked;
    const PageWords words{Policy::page_at(map_, phys(frame)), kPageSize / 8};
    const auto corruption = find_corruption(words);
    if (!corruption) continue;
    ++found;
    if (out != nullptr) print_corruption(frame, words, *corruption, *out);
  }
  if (found != 0) __atomic_fetch_add(&corrupted_frames_, found, __ATOMIC_RELAXED);
  return found;
}

// What is to be done with frames that are handed out. Without locks, as it may have to tell something.
template <class Policy>
[[gnu::noinline]] void PageAllocator<Policy>::prepare(PfnRange frames) {
  show(frames);
  if (contents_.poison) {
    if (read_once(untold_frames_) != 0) [[unlikely]] {
      const uintptr_t untold = __atomic_exchange_n(&untold_frames_, uintptr_t{0}, __ATOMIC_RELAXED);
      if (untold != 0) {
        corruption_report_.line(
            "pagealloc: memory corruption: {} pages, handed out where nothing could be told",
            untold);
      }
    }
    (void)find_corrupted(frames, &corruption_report_);
  }
  if (contents_.zero_on_alloc) fill(frames, 0);
}

// The same where nothing may be waited for, as a line does for others.
template <class Policy>
[[gnu::noinline]] void PageAllocator<Policy>::prepare_silently(PfnRange frames) {
  show(frames);
  if (contents_.poison) {
    const auto untold = static_cast<uintptr_t>(find_corrupted(frames, nullptr));
    if (untold != 0) __atomic_fetch_add(&untold_frames_, untold, __ATOMIC_RELAXED);
  }
  if (contents_.zero_on_alloc) fill(frames, 0);
}

// --- Freeing -------------------------------------------------------------------------------------

// What most frees come to: a small block of the CPU's own node, back to the CPU's list.
template <class Policy>
inline Freed PageAllocator<Policy>::free_pages(unsigned cpu, Pfn pfn, unsigned order) {
  if (order > kPcpMaxOrder) {
    return order == kPageblockOrder ? free_huge(cpu, pfn) : free_large(cpu, pfn, order);
  }
  CpuHeader& header = cpu_header(cpu);
  const Node& node = *header.node;
  const uint64_t frame = pfn - node.mem_map_start;
  if (frame >= node.own_frames) [[unlikely]]
    return general_free(header, pfn, order);
  const Pageblock block = node.blocks.at(pfn);
  if (!block.plain()) [[unlikely]]
    return general_free(header, pfn, order);
  return free_to_list(header, node, static_cast<FrameIndex>(frame), order, block.byte());
}

// To the CPU's list, if it is a block that may be freed; its pageblock is described and plain.
template <class Policy>
inline Freed PageAllocator<Policy>::free_to_list(CpuHeader& header, const Node& node,
                                                 FrameIndex frame, unsigned order, unsigned type) {
  Page& page = node.mem_map[frame];
  const Tag tag = page.tag();
  if (!freeable(page, tag, order)) [[unlikely]] {
    return slow_free(header, node.pfn(frame), order);
  }
  static_assert(sizeof(Pcp) == 2u << Tag::kZoneShift);
  if (type >= kPcpMigratetypes) __builtin_unreachable();
  Pcp& pcp = pcp_at(header, node.pcp_offset + uint64_t{tag.zone_bits()} * 2);
  bool mine;
  {
    const Masked masked;
    mine = claim(page, tag);
    if (mine) [[likely]] {
      pcp.lists[type * (kPcpMaxOrder + 1) + order].push(node.mem_map, frame);
      if (!Policy::spend(pcp.room, static_cast<int32_t>(frames_of(order)))) [[likely]]
        return {};
    }
  }
  return mine ? shrink(pcp, order) : Freed{raced(pcp, node.pfn(frame), order)};
}

// A pageblock of the CPU's own node, back to the CPU's list.
template <class Policy>
[[gnu::noinline]] Freed PageAllocator<Policy>::free_huge(unsigned cpu, Pfn pfn) {
  CpuHeader& header = cpu_header(cpu);
  const Node& node = *header.node;
  const uint64_t frame = pfn - node.mem_map_start;
  if (frame >= node.own_frames || pfn.v % kPageblockFrames != 0) [[unlikely]] {
    return general_free(header, pfn, kPageblockOrder);
  }
  const Pageblock block = node.blocks.at(pfn);
  if (!block.plain_head()) [[unlikely]]
    return general_free(header, pfn, kPageblockOrder);
  const FrameIndex index = node.blocks.index(pfn);
  Page* const heads = node.blocks.heads();
  Page& page = heads[index];
  const Tag tag = page.tag();
  if (!freeable(page, tag, kPageblockOrder)) [[unlikely]] {
    return slow_free(header, pfn, kPageblockOrder);
  }
  Pcp& pcp = pcp_at(header, node.pcp_offset + uint64_t{tag.zone_bits()} * 2);
  bool mine;
  {
    const Masked masked;
    mine = claim(page, tag);
    if (mine) [[likely]] {
      pcp.lists[kPcpHugeList].push(heads, index);
      if (!Policy::spend(pcp.huge_room, 1)) [[likely]]
        return {};
    }
  }
  return mine ? shrink_huge(pcp) : Freed{raced(pcp, pfn, kPageblockOrder)};
}

// A larger block of the CPU's own node, back to its zone.
template <class Policy>
[[gnu::noinline]] Freed PageAllocator<Policy>::free_large(unsigned cpu, Pfn pfn, unsigned order) {
  CpuHeader& header = cpu_header(cpu);
  Node& node = *header.node;
  const uint64_t frame = pfn - node.mem_map_start;
  if (frame >= node.own_frames || order > kMaxOrder) [[unlikely]] {
    return general_free(header, pfn, order);
  }
  if (!node.blocks.at(pfn).readable(pfn.v)) [[unlikely]]
    return slow_free(header, pfn, order);
  Page& page = node.page(pfn, order);
  const Tag tag = page.tag();
  if (!freeable(page, tag, order)) [[unlikely]] {
    return slow_free(header, pfn, order);
  }
  Zone& zone = node.zones[tag.zone()];
  {
    const Masked masked;
    if (claim(page, tag)) [[likely]] {
      const Locked locked(zone);
      free_block(zone, pfn, order);
      return {};
    }
  }
  return Freed{raced(pcp_at(header, zone.pcp_offset), pfn, order)};
}

// Any block of any node.
template <class Policy>
[[gnu::noinline]] Freed PageAllocator<Policy>::general_free(CpuHeader& header, Pfn pfn,
                                                            unsigned order) {
  Node* const node = quick_node(pfn);
  if (order > kMaxOrder || node == nullptr || !node->describes(pfn)) [[unlikely]] {
    return slow_free(header, pfn, order);
  }
  const Pageblock block = node->blocks.at(pfn);
  if (!block.readable(pfn.v)) [[unlikely]]
    return slow_free(header, pfn, order);
  if (when_freed_) [[unlikely]] {
    const Page& page = node->page(pfn, order);
    if (!freeable(page, page.tag(), order)) return slow_free(header, pfn, order);
    put_away({pfn, pfn + frames_of(order)});
  }
  if (order <= kPcpMaxOrder && block.type() != Migratetype::Isolate && node->links_reach(pfn)) {
    // Pages kept for atomic allocations are lent to movable ones while they are on a list.
    const Migratetype type =
        block.type() == Migratetype::HighAtomic ? Migratetype::Movable : block.type();
    return free_to_list(header, *node, node->index(pfn), order, static_cast<unsigned>(type));
  }
  Page& page = node->page(pfn, order);
  const Tag tag = page.tag();
  if (!freeable(page, tag, order)) [[unlikely]] {
    return slow_free(header, pfn, order);
  }
  Pcp& pcp = pcp_at(header, node->pcp_offset + uint64_t{tag.zone_bits()} * 2);
  {
    const Masked masked;
    if (!claim(page, tag)) return Freed{raced(pcp, pfn, order)};
    if (order != kPageblockOrder || block.type() >= Migratetype::HighAtomic) {
      const Locked locked(*pcp.zone);
      free_block(*pcp.zone, pfn, order);
      return {};
    }
    pcp.lists[kPcpHugeList].push(node->blocks.heads(), node->blocks.index(pfn));
    if (!Policy::spend(pcp.huge_room, 1)) return {};
  }
  return shrink_huge(pcp);
}

// Drops one of several references, or says what is wrong.
template <class Policy>
[[gnu::noinline]] Freed PageAllocator<Policy>::slow_free(CpuHeader& header, Pfn pfn,
                                                         unsigned order) {
  Page* const page = allocated_page(pfn);
  if (page == nullptr || page->tag().order() != order || pfn.v % frames_of(order) != 0) {
    return Freed{fault(header, pfn, order)};
  }
  if (drop_shared(*page)) return {};
  if (freeable(*page, page->tag(), order)) return general_free(header, pfn, order);
  return Freed{fault(header, pfn, order)};
}

template <class Policy>
Freed PageAllocator<Policy>::get_page(unsigned cpu, Pfn pfn) {
  CpuHeader& header = cpu_header(cpu);
  Page* const page = allocated_page(pfn);
  if (page == nullptr) return Freed{fault(header, pfn, 0)};
  const uint32_t before = __atomic_fetch_add(&page->count, 1, __ATOMIC_RELAXED);
  if (before == 0 || before == ~uint32_t{0}) {
    __atomic_fetch_sub(&page->count, 1, __ATOMIC_RELAXED);
    return Freed{fault(header, pfn, page->tag().order())};
  }
  return {};
}

template <class Policy>
Freed PageAllocator<Policy>::put_page(unsigned cpu, Pfn pfn) {
  const Page* const page = allocated_page(pfn);
  if (page == nullptr) return Freed{fault(cpu_header(cpu), pfn, 0)};
  return free_pages(cpu, pfn, page->tag().order());
}

// Takes blocks off the lists of orders 0 to 3, coldest first and from the lists in turn, until
// `pages` are back in the zone. What interrupts this CPU, or wants the lock, comes between batches of
// FrameBatch::kMost blocks, about what Linux's pcp->batch is.
template <class Policy>
void PageAllocator<Policy>::return_pages(Pcp& pcp, int32_t pages) {
  Zone& zone = *pcp.zone;
  Node& node = *zone.node;
  unsigned list = 0;
  while (pages > 0) {
    const Masked masked;
    pcp.next_fetch = 0;
    pages = std::min(pages, pcp.count());
    if (pages == 0) return;  // who came between took the rest
    for (; pcp.lists[list].empty(); list = list + 1 == kPcpHugeList ? 0 : list + 1) {
    }
    const unsigned order = pcp_list_order(list);
    const uint64_t block = block_bits(1, order);
    const auto row =
        std::min<unsigned>(FrameBatch::kMost, (static_cast<unsigned>(pages - 1) >> order) + 1);
    // Gathered without the lock: neighbours, which often lie behind each other, are one part.
    FrameBatch frames;
    FrameGatherer gatherer(frames, 0);
    unsigned blocks = 0;
    pcp.lists[list].take_oldest(node.mem_map, row, [&](FrameIndex frame) {
      node.mem_map[frame].set_tag(Tag{});
      gatherer.add(node.pfn(frame), block);
      ++blocks;
    });
    gatherer.finish();
    list = list + 1 == kPcpHugeList ? 0 : list + 1;
    const auto returned = static_cast<int32_t>(blocks << order);
    const Locked locked(zone);
    free_frames(zone, frames);
    Policy::add(pcp.room, returned);
    pages -= returned;
  }
}

// What a CPU that has started since has changed.
template <class Policy>
[[gnu::always_inline]] inline void PageAllocator<Policy>::adopt(Pcp& pcp) {
  const Zone& zone = *pcp.zone;
  if (pcp.high != zone.pcp_high || pcp.huge_high != zone.pcp_huge_high) [[unlikely]]
    adopt_limits(pcp, zone);
}

// The CPU has as much as it may keep: a batch goes back, twice as much each time this happens
// without an allocation between. A boot page set keeps nothing. The free is done.
template <class Policy>
[[gnu::noinline]] Freed PageAllocator<Policy>::shrink(Pcp& pcp, unsigned order) {
  return_pages(pcp, pages_to_return(pcp, order));
  return {};
}

template <class Policy>
int32_t PageAllocator<Policy>::pages_to_return(Pcp& pcp, unsigned order) {
  constexpr int32_t kMaxFreeFactor = 5;
  const Masked masked;
  adopt(pcp);
  if (pcp.free_factor != 0 && order != 0) return pcp.count();
  if (pcp.high < pcp.batch) return 1;
  const int32_t most = pcp.high - pcp.batch;
  const int32_t batch = pcp.batch << pcp.free_factor;
  if (batch < most && pcp.free_factor < kMaxFreeFactor) ++pcp.free_factor;
  return std::clamp(batch, pcp.batch, most);
}

template <class Policy>
[[gnu::noinline]] Freed PageAllocator<Policy>::shrink_huge(Pcp& pcp) {
  int32_t blocks;
  {
    const Masked masked;
    adopt(pcp);
    blocks = std::max(pcp.huge_high, 1);
  }
  return_pageblocks(pcp, blocks);
  return {};
}

template <class Policy>
void PageAllocator<Policy>::return_pageblocks(Pcp& pcp, int32_t blocks) {
  Zone& zone = *pcp.zone;
  const Node& node = *zone.node;
  while (blocks > 0) {
    const Masked masked;
    pcp.next_huge_fetch = 0;
    FrameBatch pageblocks;
    FrameGatherer gatherer(pageblocks, kPageblockOrder);
    int32_t count = 0;
    const auto most = static_cast<unsigned>(std::min<int32_t>(blocks, FrameBatch::kMost));
    pcp.lists[kPcpHugeList].take_oldest(node.blocks.heads(), most, [&](FrameIndex index) {
      node.blocks.heads()[index].set_tag(Tag{});
      gatherer.add(node.blocks.pageblock(index), 1);
      ++count;
    });
    if (count == 0) return;  // who came between took the rest
    gatherer.finish();
    const Locked locked(zone);
    free_pageblocks(zone, pageblocks);
    Policy::add(pcp.huge_room, count);
    blocks -= count;
  }
}

template <class Policy>
[[gnu::noinline]] void PageAllocator<Policy>::drain(unsigned cpu) {
  for_each_zone([&](Zone& zone) {
    return_all(pcp_of(cpu, zone));
    if (!has_deferred(zone)) return;
    const Masked masked;
    const Locked locked(zone);
  });
}

template <class Policy>
void PageAllocator<Policy>::drain_remote(unsigned cpu) {
  for_each_zone([&](Zone& zone) {
    if (zone.node_id != cpu_node(cpu)) return_all(pcp_of(cpu, zone));
  });
}

template <class Policy>
void PageAllocator<Policy>::return_all(Pcp& pcp) {
  {
    const Masked masked;
    adopt(pcp);
  }
  return_pages(pcp, pcp.count());
  return_pageblocks(pcp, pcp.huge_count());
}

template <class Policy>
void PageAllocator<Policy>::drain_all() {
  for (unsigned cpu = 0; cpu < cpus_; ++cpu) {
    if (cpu_online(cpu)) drain(cpu);
  }
}

}  // namespace mm
