// A zone and a node while the machine runs: free_area, watermarks, counters, zonelists.
//
// mm/layout.h says what a node and its zones are; these structs say what is free in them. They lie
// in the node's NODE_DATA.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "mm/frame_list.h"
#include "mm/free_map.h"
#include "mm/layout.h"
#include "mm/page.h"
#include "mm/pageblock.h"
#include "mm/pcp.h"
#include "mm/published.h"
#include "mm/types.h"

namespace mm {

enum class Watermark : uint8_t { Min, Low, High, Promo };
inline constexpr size_t kWatermarks = 4;

struct Node;

// Free blocks of one order from pageblock order on.
struct FreeArea {
  std::array<FrameList, kMigratetypes> lists;
  std::array<Published<uint64_t>, kMigratetypes> nr_free;  // blocks on them

  [[nodiscard]] uint64_t blocks() const {
    uint64_t all = 0;
    for (const uint64_t some : nr_free) all += some;
    return all;
  }
};
inline constexpr unsigned kAreas = kOrders - kPageblockOrder;

// Pageblocks of one type some of whose frames are free, and not all: the fullest first, so that
// those with much free can become whole again.
struct BrokenPageblocks {
  static constexpr unsigned kClasses = 4;
  // By how much is free, and by the order of the largest free block.
  std::array<std::array<FrameList, kPageblockOrder>, kClasses> lists;
  std::array<uint32_t, kClasses> orders;  // bit n: list n is not empty

  // Of a pageblock with so many frames free.
  [[nodiscard]] static constexpr unsigned class_of(uint32_t free) {
    return (free - 1) / (static_cast<uint32_t>(kPageblockFrames) / kClasses);
  }
};

struct alignas(64) Zone {
  // Read by every allocation.
  Published<uint64_t> free_pages;  // without isolated ones and those on per-CPU lists
  Node* node;
  ZoneType type;
  bool populated;  // has present pages; without, nothing below `present` means anything
  uint16_t node_id;
  uint32_t pcp_offset;  // of this zone's Pcp in each CPU's area

  PfnRange spanned;
  uint64_t present;
  Published<uint64_t> managed;  // handed over to the allocator
  std::array<uint64_t, kWatermarks> watermark;
  PerZone<uint64_t> lowmem_reserve;  // kept from those who could use zone [type]
  Published<uint64_t> nr_reserved_highatomic;
  Published<uint64_t> isolated_pages;  // free, in Isolate pageblocks: nobody gets them
  uint64_t isolated_pageblocks;
  int32_t pcp_high, pcp_batch;

  alignas(64) std::array<std::byte, 64> lock;  // the policy's lock

  // Bit n: of the type there is a free block of order n, or, below pageblock order, a pageblock
  // whose largest free block it is. Under the lock.
  std::array<Published<uint32_t>, kMigratetypes> nonempty;
  // Free blocks whose CPU could not wait for the lock: a stack through `next`, pushed by anyone,
  // emptied by the next that has the lock. Their tags say OnCpuList.
  FrameIndex deferred;
  uint64_t deferred_pages;  // on it
  std::array<FreeArea, kAreas> areas;
  std::array<BrokenPageblocks, kMigratetypes> broken;

  // Of pageblock order or more.
  [[nodiscard]] FreeArea& area(unsigned order) { return areas[order - kPageblockOrder]; }
  [[nodiscard]] const FreeArea& area(unsigned order) const {
    return areas[order - kPageblockOrder];
  }
};

// One of the zones that have frames in a shared pageblock: its own record of it.
struct Edge {
  Pfn pageblock;
  ZoneType zone;

  friend constexpr auto operator<=>(const Edge&, const Edge&) = default;
};

// Where an allocation that prefers this node finds memory when nothing is short, by the low bits of
// its gfp.
struct Choice {
  Zone* zone;  // the node's own preferred zone
  // Above so many free pages that zone may be asked: low watermark + lowmem_reserve +
  // nr_reserved_highatomic; kNoChoice where it is not so simple (or not a legal gfp).
  Published<uint64_t> mark;
};
inline constexpr size_t kChoices = 32;
inline constexpr uint64_t kNoChoice = uint64_t{1} << 62;

struct Node {
  Page* mem_map;            // describes [mem_map_start, mem_map_start + mem_map_frames)
  Pfn mem_map_start;        // a multiple of a pageblock
  uint64_t mem_map_frames;  // likewise
  PageblockMap blocks;
  // Records of pageblocks, by blocks.record(); then those of edges. `heads`: the Page of a block of
  // pageblock order or more that starts there, or of a broken pageblock (Tag::broken(), `count` its
  // free frames, the links those of the zone's BrokenPageblocks). `free_maps`: its free frames; of a
  // pageblock that is described and not broken there are none.
  Page* heads;  // blocks.heads()
  FreeMap* free_maps;
  uint64_t own_frames;  // mem_map_frames; 0 when another node's span reaches into what it describes
  std::array<Choice, kChoices> choices;
  uint32_t pcp_offset;  // of its first zone's Pcp in each CPU's area

  NodeId id;
  uint16_t zonelist_count;
  PfnRange spanned;
  uint64_t present;

  // Populated zones in the order in which allocations that prefer this node try them: node after
  // node as the layout says, the highest zone of each first.
  Zone** zonelist;
  // Of the zones up to [type]: the first of that list; null when there is none.
  PerZone<Zone*> preferred;

  // Sorted by address and zone.
  Edge* edges;
  uint32_t edge_count;
  FrameIndex first_edge_record;

  PerZone<Zone> zones;

  [[nodiscard]] bool describes(Pfn pfn) const { return pfn - mem_map_start < mem_map_frames; }
  [[nodiscard]] FrameIndex index(Pfn pfn) const {
    return static_cast<FrameIndex>(pfn - mem_map_start);
  }
  [[nodiscard]] Pfn pfn(FrameIndex index) const { return mem_map_start + index; }
  [[nodiscard]] Page& page(Pfn pfn) const { return mem_map[pfn - mem_map_start]; }
  // Of the pageblock as a whole; of a shared one see record_of().
  [[nodiscard]] FrameIndex record(Pfn pfn) const { return blocks.record(pfn); }
  [[nodiscard]] FrameIndex edge_record(const Edge* edge) const {
    return first_edge_record + static_cast<FrameIndex>(edge - edges);
  }
  [[nodiscard]] Pfn pageblock(FrameIndex record) const {
    return record < first_edge_record ? blocks.pageblock(record)
                                      : edges[record - first_edge_record].pageblock;
  }
  [[nodiscard]] Page& head(Pfn pfn) const { return heads[record(pfn)]; }
  // The Page of a block.
  [[nodiscard]] Page& page(Pfn pfn, unsigned order) const {
    return order < kPageblockOrder ? page(pfn) : head(pfn);
  }
  // That of the block that starts at the frame, whatever its order, if it is not a free one below
  // pageblock order; null when none does.
  [[nodiscard]] Page* block_page(Pfn pfn) const {
    const PageblockState state = blocks.at(pfn).state();
    if (state == PageblockState::Described && page(pfn).tag() != Tag{}) return &page(pfn);
    if (state == PageblockState::Untouched || pfn.v % kPageblockFrames != 0) return nullptr;
    return head(pfn).tag().state() == BlockState::None ? nullptr : &head(pfn);
  }
  [[nodiscard]] std::span<Zone* const> fallback_zones() const { return {zonelist, zonelist_count}; }
};

}  // namespace mm
