// The handover: every free frame to the page allocator, and later what early reservations gave up.
//
// Both roads call visit(NodeId, PfnRange) for runs of free frames, ascending within a node, each in
// one zone and as long as node, zone and reservations allow; memblock's has highmem first, and the memory
// of its own arrays last. What they hand over is the same, frame
// for frame: RAM of the node that no reservation touches.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "mm/bootmem.h"
#include "mm/early_res.h"
#include "mm/layout.h"
#include "mm/memblock.h"
#include "mm/numa.h"
#include "mm/types.h"

namespace mm {

// Cuts a run of one node's frames, all RAM, at the borders of its zones.
template <class Visit>
void for_each_zone_part(const NodeLayout& node, std::span<const ActiveRange> active, PfnRange run,
                        Visit visit) {
  const PfnRange& movable = node.zones[ZoneType::Movable].spanned;
  if (!run.overlaps(movable)) {
    for (const ZoneLayout& zone : node.zones) {
      const PfnRange part = run.clip(zone.spanned);
      if (!part.empty()) visit(node.id, part);
    }
    return;
  }
  // Where Movable is, another zone may be, too (frames_of_zone): ranges that touch and are of one
  // zone are one part.
  PfnRange part;
  std::optional<ZoneType> of;
  for (size_t a = first_active_ending_after(active, run.start);
       a < active.size() && active[a].pfns.start < run.end; ++a) {
    for (const ZoneType zone : kAllZones) {
      const PfnRange next = run.clip(frames_of_zone(node, zone, active[a]));
      if (next.empty()) continue;
      if (zone != of || next.start != part.end) {
        if (!part.empty()) visit(node.id, part);
        part = next;
        of = zone;
      }
      part.end = next.end;
    }
  }
  if (!part.empty()) visit(node.id, part);
}

// free_all_bootmem: node by node what the bitmaps hold free. Returns how many frames that was. The
// bitmaps themselves are still reserved: release_reservations(..., "BOOTMAP") gives them, too, once
// nobody asks bootmem any more.
template <class Visit>
uint64_t free_all_bootmem(const Bootmem& bootmem, const Layout& layout, Visit visit) {
  uint64_t frames = 0;
  for (const NodeBootmem& node : bootmem.nodes()) {
    const PfnRange all = node.frames();
    for (PfnRange run = node.next_free(all.start, all); !run.empty();
         run = node.next_free(run.end, all)) {
      for_each_zone_part(layout.nodes[node.node()], layout.active, run, visit);
      frames += run.size();
    }
  }
  return frames;
}

// memblock_free_all: what is memory and not reserved, in whole frames; then the arrays' own memory,
// if they have grown. Frames from `max_low` on are highmem and left to free_highpages (Linux 4.14's
// free_low_memory_core_early). Nothing reads the arrays once the first of them is handed over. Returns
// how many frames.
template <class Visit>
uint64_t free_all_memblock(const Memblock& memblock, const Layout& layout, Visit visit,
                           Pfn max_low = pfn_down(Phys{kMaxPhys})) {
  uint64_t frames = 0;
  PfnRange run;  // touching ranges of one node are one run, whatever their flags
  NodeId of = kNoNode;
  const auto release = [&] {
    if (run.empty()) return;
    for_each_zone_part(layout.nodes[of], layout.active, run, visit);
    frames += run.size();
  };
  memblock.for_each_free_range(kNoNode, [&](Range range, NodeId node) {
    PfnRange whole = pfns_inside(range);
    whole.end = std::min(whole.end, max_low);
    if (whole.empty()) return true;
    if (node == of && whole.start == run.end) {
      run.end = whole.end;
      return true;
    }
    release();
    run = whole;
    of = node;
    return true;
  });
  release();
  const std::span<const Range> arrays = memblock.own_arrays();
  std::array<NodeId, Memblock::kOwnArrays> nodes{};
  for (size_t i = 0; i < arrays.size(); ++i) {
    if (arrays[i].empty()) continue;
    nodes[i] =
        memblock.memory().regions()[memblock.memory().first_ending_after(arrays[i].start)].node;
  }
  for (size_t i = 0; i < arrays.size(); ++i) {
    run = pfns_inside(arrays[i]);
    of = nodes[i];
    release();
  }
  return frames;
}

// free_highpages: RAM from `max_low` on that no reservation touches. Linux frees it page by page,
// here it goes in runs, from which the same blocks come. Returns how many frames that was. On the
// bootmem road by the list of reservations (Linux 2.6.34 frees all of it, reserved or not), on the
// other by memblock, before free_all_memblock, which gives its arrays away.
template <class Visit>
uint64_t free_highpages(std::span<const Reservation> reservations, const Layout& layout,
                        Pfn max_low, Visit visit) {
  uint64_t frames = 0;
  size_t r = 0;
  for (const ActiveRange& range : layout.active) {
    if (range.pfns.end <= max_low) continue;
    Pfn at = std::max(range.pfns.start, max_low);
    const auto release = [&](Pfn end) {
      const PfnRange run{at, std::min(end, range.pfns.end)};
      if (run.empty()) return;
      for_each_zone_part(layout.nodes[range.node], layout.active, run, visit);
      frames += run.size();
    };
    while (r < reservations.size() && pfn_up(reservations[r].range.end) <= at) ++r;
    for (size_t i = r; i < reservations.size() && at < range.pfns.end; ++i) {
      release(pfn_down(reservations[i].range.start));
      at = std::max(at, pfn_up(reservations[i].range.end));
    }
    release(range.pfns.end);
  }
  return frames;
}
template <class Visit>
uint64_t free_highpages(const Memblock& memblock, const Layout& layout, Pfn max_low, Visit visit) {
  uint64_t frames = 0;
  if (layout.active.empty() || layout.active.back().pfns.end <= max_low) return 0;
  memblock.for_each_free_range(kNoNode, [&](Range range, NodeId node) {
    PfnRange run = pfns_inside(range);
    run.start = std::max(run.start, max_low);
    if (run.empty()) return true;
    for_each_zone_part(layout.nodes[node], layout.active, run, visit);
    frames += run.size();
    return true;
  });
  return frames;
}

// Ends the reservations of that name and hands over their frames: RAM that no other reservation
// touches. Returns how many frames that was.
template <class Visit>
uint64_t release_reservations(EarlyRes& reservations, std::string_view name, const Layout& layout,
                              Visit visit) {
  const std::span<const ActiveRange> active = layout.active;
  uint64_t frames = 0;
  reservations.free_named(
      name, [&](const Reservation& entry, const Reservation* before, const Reservation* behind) {
        // A frame at either end may still be touched by a neighbour.
        PfnRange run = pfns_touched(entry.range);
        const auto is_touched = [&](Pfn frame) {
          return (before != nullptr && before->range.end > phys(frame)) ||
                 (behind != nullptr && behind->range.start < phys(frame + 1));
        };
        if (is_touched(run.start)) run.start += 1;
        if (!run.empty() && is_touched(run.end - 1)) run.end -= 1;
        for (size_t a = first_active_ending_after(active, run.start);
             a < active.size() && active[a].pfns.start < run.end; ++a) {
          const PfnRange part = active[a].pfns.clip(run);
          for_each_zone_part(layout.nodes[active[a].node], active, part, visit);
          frames += part.size();
        }
      });
  return frames;
}

}  // namespace mm
