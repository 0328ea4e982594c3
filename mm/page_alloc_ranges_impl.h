// The bodies of PageAllocator<Policy>'s calls for many blocks at once, and for ranges of any size;
// mm/page_alloc.h includes it.
#pragma once

#include <bit>

#include "mm/page_alloc.h"

namespace mm {

template <class Policy>
size_t PageAllocator<Policy>::alloc_pages_bulk(unsigned cpu, Gfp gfp, NodeId preferred,
                                               std::span<Pfn> pages) {
  for (size_t i = 0; i < pages.size(); ++i) {
    const PagesOr page = alloc_pages(cpu, gfp, 0, preferred);
    if (!page.ok()) return i;
    pages[i] = page.value();
  }
  return pages.size();
}

template <class Policy>
Freed PageAllocator<Policy>::free_pages_bulk(unsigned cpu, std::span<const Pfn> pages) {
  for (const Pfn pfn : pages) {
    const Freed freed = free_pages(cpu, pfn, 0);
    if (!freed.ok()) return freed;
  }
  return {};
}

template <class Policy>
PagesOr PageAllocator<Policy>::alloc_pages_exact(unsigned cpu, Gfp gfp, uint64_t count,
                                                 NodeId preferred) {
  if (count == 0) return PagesOr::Failure::BadRange;
  if (count > kGigaFrames) return PagesOr::Failure::OrderTooHigh;
  const auto order = static_cast<unsigned>(std::bit_width(count - 1));
  const PagesOr block = alloc_pages(cpu, gfp, order, preferred);
  if (!block.ok() || frames_of(order) == count) return block;
  Zone& zone = zone_of_allocated(block.value());
  if (when_freed_) put_away({block.value() + count, block.value() + frames_of(order)});
  const Masked masked;
  const Locked locked(zone);
  cut_allocated(zone, block.value(), order, count);
  return block;
}

template <class Policy>
Freed PageAllocator<Policy>::free_pages_exact(unsigned cpu, Pfn pfn, uint64_t count) {
  return free_contig_range(cpu, {pfn, pfn + count});
}

template <class Policy>
Result<> PageAllocator<Policy>::take_contig_range(unsigned cpu, PfnRange frames) {
  PfnRange part;
  Zone* const zone = frames.empty() ? nullptr : zone_part(frames, part);
  if (zone == nullptr || part != frames) {
    return Error{.what = "not a range of frames of one zone (address {:#x}, end {:#x})",
                 .subject = "alloc_contig_range",
                 .a = phys(frames.start).v,
                 .b = phys(frames.end).v};
  }
  drain(cpu);
  BATON_TRY(take_free_range(*zone, frames));
  show(frames);
  return {};
}

template <class Policy>
Result<> PageAllocator<Policy>::take_free_range(Zone& zone, PfnRange frames) {
  const Masked masked;
  const Locked locked(zone);
  const Pfn busy = first_not_free(*zone.node, frames);
  if (busy < frames.end) {
    return Error{.what = "a frame of the range is not free (address {:#x})",
                 .subject = "alloc_contig_range",
                 .a = phys(busy).v};
  }
  take_range(zone, frames);
  return {};
}

template <class Policy>
Result<> PageAllocator<Policy>::alloc_contig_range(unsigned cpu, PfnRange frames) {
  BATON_TRY(take_contig_range(cpu, frames));
  if (when_allocated_) prepare(frames);
  return {};
}

template <class Policy>
Freed PageAllocator<Policy>::free_contig_range(unsigned cpu, PfnRange frames) {
  Freed result;
  for_each_block_in(frames, [&](Pfn pfn, unsigned order) {
    result = free_pages(cpu, pfn, order);
    return result.ok();
  });
  return result;
}

template <class Policy>
Result<> PageAllocator<Policy>::withdraw(PfnRange frames) {
  PfnRange part;
  Zone* const zone = frames.empty() ? nullptr : zone_part(frames, part);
  if (zone == nullptr || !zone->spanned.contains(frames)) {
    return Error{.what = "not a range of frames of one zone (address {:#x}, end {:#x})",
                 .subject = "withdraw",
                 .a = phys(frames.start).v,
                 .b = phys(frames.end).v};
  }
  const Masked masked;
  const Locked locked(*zone);
  if (const Pfn wrong = first_not_held(*zone, frames); wrong < frames.end) {
    return Error{.what = "a frame of the range is not held (address {:#x})",
                 .subject = "withdraw",
                 .a = phys(wrong).v};
  }
  forget_range(*zone, frames);
  zone->managed -= frames.size();
  return {};
}

template <class Policy>
PagesOr PageAllocator<Policy>::alloc_contig_pages(unsigned cpu, Gfp gfp, uint64_t count,
                                                  uint64_t align, NodeId preferred) {
  if (preferred >= node_count_) return PagesOr::Failure::UnknownNode;
  if (!gfp_zone_ok(gfp)) return PagesOr::Failure::GfpZones;
  if (count == 0 || align == 0 || (align & (align - 1)) != 0) return PagesOr::Failure::BadRange;
  drain(cpu);
  const ZoneType highest = gfp_zone(gfp);
  for (Zone* zone : nodes_[preferred]->fallback_zones()) {
    if (zone->type > highest) continue;
    if (gfp.has(kGfpFlagThisNode) && zone->node_id != preferred) continue;
    Pfn pfn;
    {
      const Masked masked;
      const Locked locked(*zone);
      const uint64_t mark = zone->watermark[static_cast<size_t>(Watermark::Min)];
      if (zone->free_pages < count ||
          !watermark_ok(*zone, 0, mark, highest, {}, zone->free_pages - count + 1)) {
        continue;
      }
      pfn = find_contig(*zone, count, align);
      if (pfn == kNoPfn) continue;
      take_range(*zone, {pfn, pfn + count});
    }
    if (when_allocated_) prepare({pfn, pfn + count});
    return pfn;
  }
  return PagesOr::Failure::NoMemory;
}

template <class Policy>
Result<> PageAllocator<Policy>::isolate(PfnRange frames) {
  Zone* const zone = BATON_TRY(zone_of_pageblocks(frames, "isolate"));
  change_pageblocks(*zone, frames,
                    [&](Pfn pfn) { set_pageblock_type(*zone, pfn, Migratetype::Isolate); });
  return {};
}

// The lock is let go between pageblocks, as in Linux (start_isolate_page_range).
template <class Policy>
template <class Change>
void PageAllocator<Policy>::change_pageblocks(Zone& zone, PfnRange frames, Change change) {
  for (Pfn pfn = frames.start; pfn < frames.end; pfn += kPageblockFrames) {
    const Masked masked;
    const Locked locked(zone);
    change(pfn);
    update_choices(zone);  // what is kept for atomic allocations may be less
  }
}

template <class Policy>
Result<> PageAllocator<Policy>::unisolate(PfnRange frames, Migratetype type) {
  if (type >= Migratetype::HighAtomic) {
    return Error{.what = "pageblocks come back as one of the types that are asked for (type {})",
                 .subject = "unisolate",
                 .a = static_cast<uint64_t>(type)};
  }
  Zone* const zone = BATON_TRY(zone_of_pageblocks(frames, "unisolate"));
  change_pageblocks(*zone, frames, [&](Pfn pfn) {
    if (zone->node->blocks.at(pfn).type() != Migratetype::Isolate) return;
    set_pageblock_type(*zone, pfn, type);
  });
  return {};
}

}  // namespace mm
