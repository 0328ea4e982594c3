// Zones: which frames of which node serve which kind of allocation, and the log about it.
//
// Rules and lines are Linux 6.1's (mm/page_alloc.c: free_area_init,
// find_zone_movable_pfns_for_nodes, calculate_node_totalpages, memmap_init). A zone of a node spans
// from where the zone's frames and the node's begin to where either ends, holes included; `present`
// counts only RAM.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "mm/layout.h"
#include "mm/numa.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"

namespace mm {

// Where a platform's zones end, the same for all nodes. Zones follow each other: each starts where
// the one before ends, the first at the first frame of RAM.
struct ZoneLimits {
  static constexpr Phys kEndOfRam{kMaxPhys};

  ZoneSet zones{};     // which there are
  PerZone<Pfn> end{};  // exclusive, of those whose traits say ZoneEnd::Platform

  constexpr void add(ZoneType type, Phys its_end) {
    zones.has[type] = true;
    end[type] = pfn_down(its_end);
  }
};

// An amount of memory as an option gives it: frames, or a percentage of all when `percent` is not
// 0.
struct CoreAmount {
  uint64_t frames = 0;
  unsigned percent = 0;
};

// The value of kernelcore= or movablecore=: a size (rounded down to frames, as Linux does) or nn%.
// `who` is the option, for errors.
Result<CoreAmount> parse_core_amount(std::string_view value, const char* who);

// kernelcore=, movablecore=, movable_node.
struct MovableOptions {
  CoreAmount kernelcore;      // at least so much memory, spread evenly, is not Movable
  CoreAmount movablecore;     // at least so much is
  bool mirror = false;        // kernelcore=mirror: mirrored ranges are not Movable, what lies above
                              // 4 GiB otherwise is; the two above are ignored
  bool movable_node = false;  // what can be unplugged is Movable; the three above are ignored
};

// The zones of the machine and their place in it.
struct ZoneRanges {
  PerZone<PfnRange> zones{};     // the whole machine's
  ZoneSet platform{};            // those that there are
  bool unmirrored_core = false;  // kernelcore=mirror: there is RAM below 4 GiB that is not mirrored
};

// Fills in id, spanned, present, zones and movable_start of every node; `nodes` has map.node_count() elements.
// No zone reaches beyond `end_of_ram` (E820Table::last_pfn).
// With kernelcore=mirror a node's Movable zone spans from its first range above 4 GiB that is not
// mirrored, and the zone below goes on to the node's end: frames_of_zone() (mm/layout.h) says whose
// a frame is. Where Linux then leaves frames in no zone (mirrored ones in a node that begins with
// others, and up to 4 MiB in front of an unaligned start of Movable) they are the lower zone's.
Result<ZoneRanges> free_area_init_nodes(const NumaMap& map, const ZoneLimits& limits,
                                        Pfn end_of_ram, const MovableOptions& options,
                                        std::span<NodeLayout> nodes);

// `Zone ranges:` to the last `pages in unavailable ranges` line; before them Linux's warning that
// kernel memory will not all be mirrored.
void print_zones(const NumaMap& map, const ZoneRanges& ranges, std::span<const NodeLayout> nodes,
                 const Printer& out);

// Whether the frame's section holds any RAM: Linux's pfn_valid with SPARSEMEM.
[[nodiscard]] bool pfn_valid(std::span<const ActiveRange> active, Pfn frame);

// Calls visit(NodeId, ZoneType, frames) for what memmap_init calls unavailable: frames that are no
// RAM though their section holds some, charged to the zone of the RAM that follows.
template <class Visit>
void for_each_unavailable(std::span<const ActiveRange> active, std::span<const NodeLayout> nodes,
                          Visit visit);

// How many frames of the range, in which there is no RAM, have a valid pfn.
[[nodiscard]] uint64_t valid_frames_in_hole(std::span<const ActiveRange> active, PfnRange hole);

template <class Visit>
void for_each_unavailable(std::span<const ActiveRange> active, std::span<const NodeLayout> nodes,
                          Visit visit) {
  Pfn hole;  // where the part begins that no zone has come to yet
  ZoneType last_zone{};
  for (const ActiveRange& range : active) {
    const NodeLayout& node = nodes[range.node];
    for (const ZoneType z : kAllZones) {
      if (node.zones[z].present == 0) continue;
      last_zone = z;
      const PfnRange part = range.pfns.clip(node.zones[z].spanned);
      if (part.empty()) continue;
      if (hole < part.start) {
        const uint64_t frames = valid_frames_in_hole(active, {hole, part.start});
        if (frames != 0) visit(range.node, z, frames);
      }
      hole = part.end;
    }
  }
  // Up to the end of the last section: the last node's, and its highest zone's.
  if (active.empty()) return;
  const Pfn end = align_up(active.back().pfns.end, kPagesPerSection);
  const uint64_t frames = valid_frames_in_hole(active, {hole, end});
  if (frames != 0) visit(active.back().node, last_zone, frames);
}

}  // namespace mm
