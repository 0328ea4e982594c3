// The bodies of PageAllocator<Policy>: what an allocation does when the preferred zone has not
// plenty; Linux's get_page_from_freelist and __alloc_pages_slowpath. mm/page_alloc.h includes it.
#pragma once

#include <bit>

#include "mm/page_alloc.h"
#include "mm/read_once.h"

namespace mm {

template <class Policy>
[[gnu::noinline]] PagesOr PageAllocator<Policy>::slow_alloc(unsigned cpu, Gfp gfp, unsigned order,
                                                            NodeId preferred) {
  if (order > kMaxOrder) return PagesOr::Failure::OrderTooHigh;
  if (preferred >= node_count_) return PagesOr::Failure::UnknownNode;
  if (!gfp_zone_ok(gfp)) return PagesOr::Failure::GfpZones;
  if (!gfp_type_ok(gfp)) return PagesOr::Failure::GfpTypes;
  if (nodes_[preferred]->preferred[gfp_zone(gfp)] == nullptr) {
    return PagesOr::Failure::NoZone;
  }
  Attempt attempt{cpu, gfp, order, preferred, Watermark::Low, {}};
  Pfn pfn = from_zonelist(attempt);
  if (pfn != kNoPfn) return pfn;

  // Below the low watermark: someone should make room, and this allocation may go down to min.
  if (gfp.has(kGfpFlagKswapdReclaim) && shortage_hook_ != nullptr) {
    shortage_hook_(shortage_context_, gfp, order, false);
  }
  attempt.mark = Watermark::Min;
  attempt.rights = alloc_rights(gfp, order);
  pfn = from_zonelist(attempt);
  if (pfn != kNoPfn) return pfn;

  if (gfp.has(kGfpFlagDirectReclaim) && !gfp.has(kGfpFlagMemAlloc)) {
    constexpr unsigned kMaxReclaimRetries = 16;
    for (unsigned retry = 0; retry <= kMaxReclaimRetries; ++retry) {
      const bool progress =
          shortage_hook_ != nullptr && shortage_hook_(shortage_context_, gfp, order, true);
      // What this CPU keeps at hand, and what is kept for atomic allocations.
      drain(cpu);
      const bool unreserved = unreserve_highatomic(attempt);
      pfn = from_zonelist(attempt);
      if (pfn != kNoPfn) return pfn;
      if ((!progress && !unreserved) || gfp.has(kGfpFlagNoRetry)) break;
    }
  }
  if (!gfp.has(kGfpFlagNoWarn)) report_failure(report_, cpu, gfp, order);
  return PagesOr::Failure::NoMemory;
}

template <class Policy>
Pfn PageAllocator<Policy>::from_zonelist(const Attempt& attempt) {
  const Node& node = *nodes_[attempt.preferred];
  const ZoneType highest = gfp_zone(attempt.gfp);
  const Zone& preferred = *node.preferred[highest];
  for (Zone* zone : node.fallback_zones()) {
    if (zone->type > highest) continue;
    if (attempt.gfp.has(kGfpFlagThisNode) && zone->node_id != attempt.preferred) continue;
    if (!attempt.rights.no_watermarks &&
        !watermark_ok(*zone, attempt.order, zone->watermark[static_cast<size_t>(attempt.mark)],
                      highest, attempt.rights, read_once(zone->free_pages))) {
      continue;
    }
    const Pfn pfn = from_zone(*zone, attempt);
    if (pfn != kNoPfn) return finish(pfn, attempt, *zone, preferred);
  }
  return kNoPfn;
}

template <class Policy>
Pfn PageAllocator<Policy>::from_zone(Zone& zone, const Attempt& attempt) {
  const Masked masked;
  const unsigned order = attempt.order;
  const Migratetype type = gfp_migratetype(attempt.gfp);
  if (order <= kPcpMaxOrder && !attempt.rights.high_atomic) {
    Pcp& pcp = pcp_of(attempt.cpu, zone);
    HotList& list = pcp.lists[pcp_list(order, type)];
    if (!list.empty() || refill(pcp, order, type)) {
      pcp.room += static_cast<int32_t>(frames_of(order));
      pcp.free_factor >>= 1;
      return pop(*zone.node, list);
    }
    // The zone has none of this type or its fallbacks: only what is kept for atomic ones.
    if (!attempt.rights.non_block || !attempt.rights.min_reserve) return kNoPfn;
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
Pfn PageAllocator<Policy>::finish(Pfn pfn, const Attempt& attempt, Zone& zone,
                                  const Zone& preferred) {
  {
    const Masked masked;
    NumaEvents& events = pcp_of(attempt.cpu, zone).events;
    // A node without memory prefers that of its first fallback.
    if (zone.node_id == preferred.node_id) {
      ++events.hit;
    } else {
      ++events.miss;
      ++pcp_of(attempt.cpu, preferred).events.foreign;
    }
    if (cpu_header(attempt.cpu).node_id != zone.node_id) ++events.other;
  }
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
    if (zone->type > gfp_zone(attempt.gfp) || read_once(zone->nr_reserved_highatomic) == 0)
      continue;
    const Masked masked;
    const Locked locked(*zone);
    constexpr auto kHighAtomic = static_cast<size_t>(Migratetype::HighAtomic);
    const uint32_t orders = zone->nonempty[kHighAtomic];
    if (orders == 0) continue;
    const auto order = static_cast<unsigned>(std::countr_zero(orders));
    const Pfn pfn = zone->node->pfn(zone->free_area[order].lists[kHighAtomic].head);
    const Pfn pageblock = align_down(pfn, kPageblockFrames);
    if (order > kPageblockOrder) {
      // Several such pageblocks have merged: one is cut out.
      take_exactly(*zone, {pfn, order, zone->node->page(pfn).tag()}, pfn, kPageblockOrder);
      set_pageblock_type(*zone, pageblock, gfp_migratetype(attempt.gfp));
      free_block(*zone, pfn, kPageblockOrder);
    } else {
      set_pageblock_type(*zone, pageblock, gfp_migratetype(attempt.gfp));
      remerge(*zone, pageblock);
    }
    update_choices(*zone);
    return true;
  }
  return false;
}

}  // namespace mm
