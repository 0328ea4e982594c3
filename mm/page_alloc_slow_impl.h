// The bodies of PageAllocator<Policy>: what an allocation does when the preferred zone has not
// plenty; Linux's get_page_from_freelist and __alloc_pages_slowpath. mm/page_alloc.h includes it.
#pragma once

#include "mm/page_alloc.h"
#include "mm/published.h"

namespace mm {

template <class Policy>
[[gnu::noinline]] PagesOr PageAllocator<Policy>::slow_alloc(unsigned cpu, Gfp gfp, unsigned order,
                                                            NodeId preferred) {
  if (const auto wrong = refusal(gfp, order, preferred)) return *wrong;
  const Zone& wanted = *nodes_[preferred]->preferred[gfp_zone(gfp)];
  return alloc_attempts({cpu, gfp, order, preferred, nullptr, Watermark::Low, {}}, wanted);
}

template <class Policy>
PagesOr PageAllocator<Policy>::alloc_attempts(Attempt attempt, const Zone& wanted) {
  const Gfp gfp = attempt.gfp;
  Pfn pfn = from_zonelist(attempt, wanted);
  if (pfn != kNoPfn) return pfn;

  // Below the low watermark: someone should make room, and this allocation may go down to min.
  if (gfp.has(kGfpFlagKswapdReclaim) && shortage_hook_ != nullptr) {
    shortage_hook_(shortage_context_, gfp, attempt.order, false);
  }
  attempt.mark = Watermark::Min;
  attempt.rights = alloc_rights(gfp, attempt.order);
  pfn = from_zonelist(attempt, wanted);
  if (pfn != kNoPfn) return pfn;

  if (gfp.has(kGfpFlagDirectReclaim) && !gfp.has(kGfpFlagMemAlloc)) {
    constexpr unsigned kMaxReclaimRetries = 16;
    for (unsigned retry = 0; retry <= kMaxReclaimRetries; ++retry) {
      const bool progress =
          shortage_hook_ != nullptr && shortage_hook_(shortage_context_, gfp, attempt.order, true);
      // What this CPU keeps at hand, and what is kept for atomic allocations.
      drain(attempt.cpu);
      const bool unreserved = unreserve_highatomic(attempt);
      pfn = from_zonelist(attempt, wanted);
      if (pfn != kNoPfn) return pfn;
      if ((!progress && !unreserved) || gfp.has(kGfpFlagNoRetry)) break;
    }
  }
  if (!gfp.has(kGfpFlagNoWarn)) {
    report_failure(report_, attempt.cpu, gfp, attempt.order, attempt.allowed);
  }
  return attempt.allowed != nullptr ? PagesOr::Failure::NodesFull : PagesOr::Failure::NoMemory;
}

// `wanted` is the zone that it would come from if there were plenty.
template <class Policy>
Pfn PageAllocator<Policy>::from_zonelist(const Attempt& attempt, const Zone& wanted) {
  for (Zone* zone : nodes_[attempt.preferred]->fallback_zones()) {
    if (!attempt.may_use(*zone)) continue;
    if (!attempt.rights.no_watermarks &&
        !watermark_ok(*zone, attempt.order, zone->watermark[static_cast<size_t>(attempt.mark)],
                      gfp_zone(attempt.gfp), attempt.rights, zone->free_pages)) {
      continue;
    }
    const Pfn pfn = from_zone(*zone, attempt);
    if (pfn != kNoPfn) return finish(pfn, attempt, *zone, wanted);
  }
  return kNoPfn;
}

template <class Policy>
Pfn PageAllocator<Policy>::from_zone(Zone& zone, const Attempt& attempt) {
  const unsigned order = attempt.order;
  const Migratetype type = gfp_migratetype(attempt.gfp);
  if (order <= kPcpMaxOrder && !attempt.rights.high_atomic) {
    CpuHeader& header = cpu_header(attempt.cpu);
    Pcp& pcp = pcp_at(header, zone.pcp_offset);
    // Where little is had from, what was freed would be had again for ever, wherever it lies: what
    // is more than a batch goes back first, so that what is had comes from the lowest pageblock.
    const bool choice = header.node->choices[attempt.gfp.bits() % kChoices].zone == &zone;
    if (!choice && pcp.count() > pcp.fetched + pcp.batch) return_pages(pcp, pcp.count());
    const Masked masked;
    HotList& list = pcp.lists[pcp_list(order, type)];
    if (!list.empty() || refill(pcp, order, type)) {
      Policy::add(pcp.room, static_cast<int32_t>(frames_of(order)));
      pcp.fetched = choice ? 0 : pcp.count();
      pcp.free_factor >>= 1;
      return pop(*zone.node, list);
    }
    // The zone has none of this type or its fallbacks: only what is kept for atomic ones, or what no
    // list can have.
    if (zone.node->links_reach_all() &&
        (!attempt.rights.non_block || !attempt.rights.min_reserve)) {
      return kNoPfn;
    }
  }
  const Masked masked;
  if (order == kPageblockOrder && !attempt.rights.high_atomic) {
    Pcp& pcp = pcp_of(attempt.cpu, zone);
    if (!pcp.lists[kPcpHugeList].empty()) {
      Policy::add(pcp.huge_room, 1);
      return pop_huge(*zone.node, pcp.lists[kPcpHugeList]);
    }
  }
  const Locked locked(zone);
  Pfn pfn = kNoPfn;
  if (attempt.rights.high_atomic) pfn = take_block_of(zone, order, Migratetype::HighAtomic);
  if (pfn == kNoPfn) pfn = take_block(zone, order, type);
  if (pfn == kNoPfn && attempt.rights.non_block && attempt.rights.min_reserve) {
    pfn = take_block_of(zone, order, Migratetype::HighAtomic);
  }
  if (pfn != kNoPfn && attempt.rights.high_atomic) reserve_highatomic(zone, pfn);
  return pfn;
}

template <class Policy>
Pfn PageAllocator<Policy>::finish(Pfn pfn, const Attempt& attempt, Zone& zone, const Zone& wanted) {
  {
    const Masked masked;
    NumaEvents& events = pcp_of(attempt.cpu, zone).events;
    // A node without memory prefers that of its first fallback.
    if (zone.node_id == wanted.node_id) {
      Policy::add(events.hit, uint64_t{1});
    } else {
      Policy::add(events.miss, uint64_t{1});
      Policy::add(pcp_of(attempt.cpu, wanted).events.foreign, uint64_t{1});
    }
    if (cpu_header(attempt.cpu).node_id != zone.node_id) Policy::add(events.other, uint64_t{1});
  }
  if (when_allocated_) prepare({pfn, pfn + frames_of(attempt.order)});
  if (attempt.gfp.has(kGfpFlagZero)) return zeroed(pfn, attempt.order).value();
  return pfn;
}

// After a larger atomic allocation succeeded, its pageblock is kept for the next: at most a
// hundredth of the zone. Under the zone's lock.
template <class Policy>
void PageAllocator<Policy>::reserve_highatomic(Zone& zone, Pfn pfn) {
  const uint64_t most = zone.managed / 100 + kPageblockFrames;
  if (zone.nr_reserved_highatomic >= most) return;
  const Pageblock block = zone.node->blocks.at(pfn);
  if (block.type() >= Migratetype::HighAtomic || block.shared()) return;
  if (block.state() != PageblockState::Described) return;  // a larger block: not a pageblock's own
  set_pageblock_type(zone, align_down(pfn, kPageblockFrames), Migratetype::HighAtomic);
  update_choices(zone);
}

// Gives one such pageblock back to ordinary allocations. Whether there was one.
template <class Policy>
bool PageAllocator<Policy>::unreserve_highatomic(const Attempt& attempt) {
  for (Zone* zone : nodes_[attempt.preferred]->fallback_zones()) {
    if (!attempt.may_use(*zone) || zone->nr_reserved_highatomic == 0) continue;
    const Masked masked;
    const Locked locked(*zone);
    const Pfn pageblock = first_pageblock(*zone, Migratetype::HighAtomic);
    if (pageblock == kNoPfn) continue;
    set_pageblock_type(*zone, pageblock, gfp_migratetype(attempt.gfp));
    update_choices(*zone);
    return true;
  }
  return false;
}

// --- From nodes that are named -------------------------------------------------------------------

template <class Policy>
PagesOr PageAllocator<Policy>::alloc_pages_bind(unsigned cpu, Gfp gfp, unsigned order,
                                                const NodeSet& nodes) {
  const NodeId near = cpu_node(cpu);
  if (nodes.end() > node_count_) return PagesOr::Failure::UnknownNode;
  if (const auto wrong = refusal(gfp, order, near); wrong && *wrong != PagesOr::Failure::NoZone) {
    return *wrong;
  }
  const Attempt attempt{cpu, gfp, order, near, &nodes, Watermark::Low, {}};
  for (const Zone* zone : nodes_[near]->fallback_zones()) {
    if (attempt.may_use(*zone)) return alloc_attempts(attempt, *zone);
  }
  return PagesOr::Failure::NoZone;
}

template <class Policy>
PagesOr PageAllocator<Policy>::alloc_pages_interleave(unsigned cpu, Gfp gfp, unsigned order,
                                                      const NodeSet& nodes, NodeId& next) {
  if (nodes.end() > node_count_) return PagesOr::Failure::UnknownNode;
  if (!gfp_ok(gfp)) return alloc_pages(cpu, gfp, order, cpu_node(cpu));  // which says what is wrong
  for (size_t tried = 0; tried < node_count_; ++tried) {
    const auto node = static_cast<NodeId>(next % node_count_);
    next = static_cast<NodeId>((node + 1) % node_count_);
    const Zone* const wanted = nodes_[node]->preferred[gfp_zone(gfp)];
    if (!nodes.has(node) || wanted == nullptr || wanted->node_id != node) continue;
    const PagesOr block = alloc_pages(cpu, gfp, order, node);
    if (block.ok()) {
      const Zone& zone = zone_of_allocated(block.value());
      const Masked masked;
      if (zone.node_id == node) Policy::add(pcp_of(cpu, zone).events.interleave, uint64_t{1});
    }
    return block;
  }
  return PagesOr::Failure::NoZone;
}

// --- Without waiting -----------------------------------------------------------------------------

template <class Policy>
PagesOr PageAllocator<Policy>::try_alloc_pages(unsigned cpu, Gfp gfp, unsigned order,
                                               NodeId preferred) {
  if (const auto wrong = refusal(gfp, order, preferred)) return *wrong;
  const Attempt attempt{cpu, gfp, order, preferred, nullptr, Watermark::Min, {}};
  const Masked masked;
  for (Zone* zone : nodes_[preferred]->fallback_zones()) {
    if (!attempt.may_use(*zone)) continue;
    const uint64_t mark = zone->watermark[static_cast<size_t>(attempt.mark)];
    if (!watermark_ok(*zone, order, mark, gfp_zone(gfp), {}, zone->free_pages)) continue;
    Pfn pfn = kNoPfn;
    {
      const TryLocked locked(*zone);
      if (locked) pfn = take_block(*zone, order, gfp_migratetype(gfp));
    }
    if (pfn == kNoPfn) continue;
    if (when_allocated_) prepare_silently({pfn, pfn + frames_of(order)});
    return gfp.has(kGfpFlagZero) ? zeroed(pfn, order) : PagesOr(pfn);
  }
  return PagesOr::Failure::NoMemory;
}

template <class Policy>
Freed PageAllocator<Policy>::try_free_pages(unsigned cpu, Pfn pfn, unsigned order) {
  CpuHeader& header = cpu_header(cpu);
  Page* const page = allocated_page(pfn);
  if (page == nullptr || page->tag().order() != order) return Freed{fault(header, pfn, order)};
  const Tag tag = page->tag();
  if (drop_shared(*page)) return {};
  if (!freeable(*page, tag, order)) return Freed{fault(header, pfn, order)};
  if (when_freed_) put_away({pfn, pfn + frames_of(order)});
  Zone& zone = nodes_[tag.node()]->zones[tag.zone()];
  const Masked masked;
  if (!claim(*page, tag)) return Freed{raced(pcp_at(header, zone.pcp_offset), pfn, order)};
  const TryLocked locked(zone);
  if (locked) {
    free_block(zone, pfn, order);
  } else {
    defer(zone, pfn, order);
  }
  return {};
}

}  // namespace mm
