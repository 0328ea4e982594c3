// The machine as nodes and zones: what is known of memory before any page of it is handed out.
//
// Computed once, from e820 and SRAT (mm/numa.h, mm/zones.h), and from then on constant. The page
// allocator (mm/page_alloc.h) is built from it. Words and arithmetic are Linux 6.1's:
// spanned counts every frame between a zone's first and last, present leaves out holes, and
// managed (the allocator's) leaves out what is reserved.
#pragma once

#include <cstdint>
#include <span>

#include "mm/direct_map.h"
#include "mm/types.h"
#include "mm/zone_type.h"

namespace mm {

using NodeId = uint16_t;
inline constexpr NodeId kNoNode = 0xffff;
inline constexpr size_t kMaxNodes = 1024;  // more is an error that names the count

// A section is 128 MiB: Linux's unit of pfn_valid (SECTION_SIZE_BITS 27 on x86-64).
inline constexpr uint64_t kPagesPerSection = uint64_t{1} << (27 - kPageShift);

// A maximal run of RAM frames of one node ("active region", "Early memory node range").
struct ActiveRange {
  PfnRange pfns;
  NodeId node = kNoNode;
  bool hotplug = false;  // SRAT: may be unplugged, and no reservation lies in its node
  bool mirror = false;   // kernelcore=mirror: the firmware keeps two copies of it
};

// An array that has a part for each section or GiB of a node, or of a zone. The parts of those
// without RAM are addresses only.
struct NodeArray {
  NodeArray() = default;
  NodeArray(Range stretch) : size(stretch.size()), start(stretch.start) {}  // NOLINT: one of both

  uint64_t size = 0;       // bytes; 0: it was not placed
  Phys start;              // in one stretch of RAM,
  void* window = nullptr;  // or in pieces, at these addresses (mm/window.h)

  template <class T>
  [[nodiscard]] T* at(const DirectMap& map) const {
    return window != nullptr ? static_cast<T*>(window) : map.at<T>(start);
  }
};

struct ZoneLayout {
  PfnRange spanned;      // empty: the node has no such zone
  uint64_t present = 0;  // frames of RAM in it
  NodeArray pageblocks;  // what is free in its pageblocks, by GiB
};

struct NodeLayout {
  NodeId id = kNoNode;
  PfnRange spanned;  // empty: memoryless
  uint64_t present = 0;
  PerZone<ZoneLayout> zones{};

  // Where the node's own structures lie; placed before any allocator, equal on both roads.
  Range node_data{};  // empty: none was placed
  NodeArray mem_map;  // 16 bytes for each frame from mem_map_start on
  Pfn mem_map_start;  // first frame mem_map describes: spanned.start rounded down
  NodeArray heads;    // 16 bytes for each pageblock, from that GiB on in which spanned.start is
  Range per_cpu{};    // per-CPU areas of the node's CPUs; on node 0 also what finds all of them

  Pfn movable_start;  // where its Movable zone begins; 0: it has none

  // All nodes, this one first, in the order allocations fall back to (zonelists).
  NodeId* fallback = nullptr;
  uint16_t fallback_count = 0;
};

// The frames of one of the node's active ranges that are of its zone. Zones follow each other and
// their spans say it all, but with kernelcore=mirror: there Movable's span lies inside another
// zone's, mirrored ranges are that zone's and the others Movable's.
[[nodiscard]] constexpr PfnRange frames_of_zone(const NodeLayout& node, ZoneType zone,
                                                const ActiveRange& range) {
  const PfnRange& movable = node.zones[ZoneType::Movable].spanned;
  PfnRange frames = range.pfns.clip(node.zones[zone].spanned);
  if (zone == ZoneType::Movable) return range.mirror ? PfnRange{} : frames;
  if (!range.mirror && !movable.empty() && movable.start < frames.end) frames.end = movable.start;
  return frames;
}

struct Layout {
  std::span<const ActiveRange> active;  // sorted by address, disjoint
  std::span<const NodeLayout> nodes;    // index = node id
  ZoneSet zones{};                      // that the platform has
  std::span<const NodeId> cpu_nodes{};  // by CPU: where its per-CPU area lies; others': on node 0
};

}  // namespace mm
