// A zone and a node while the machine runs: free_area, watermarks, counters, zonelists.
//
// mm/layout.h says what a node and its zones are; these structs say what is free in them. They lie
// in the node's NODE_DATA.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "mm/layout.h"
#include "mm/page.h"
#include "mm/pageblock.h"
#include "mm/pcp.h"
#include "mm/published.h"
#include "mm/regions.h"
#include "mm/types.h"

namespace mm {

enum class Watermark : uint8_t { Min, Low, High, Promo };
inline constexpr size_t kWatermarks = 4;

struct Node;

// A frame of a node by number, in one word. In a Page it lies in both links.
using DeferredIndex = uintptr_t;
inline constexpr DeferredIndex kNoDeferred = ~DeferredIndex{0};
[[nodiscard]] inline DeferredIndex next_deferred(const Page& page) {
  return static_cast<DeferredIndex>(uint64_t{page.prev} << 32 | page.next);
}

struct alignas(64) Zone {
  // Read by every allocation.
  Published<uint64_t> free_pages;  // without isolated ones and those on per-CPU lists
  Node* node;
  ZoneType type;
  bool populated;  // has present pages; without, nothing below `present` means anything
  uint16_t node_id;
  uint32_t pcp_offset;  // of this zone's Pcp in each CPU's area
  // The policy's lock. It begins in the line of free_pages: who takes it changes these, too, and a
  // second line to fetch from another CPU's cache would cost as much as all else.
  alignas(8) std::array<std::byte, 64> lock;

  PfnRange spanned;
  uint64_t present;
  Published<uint64_t> managed;  // handed over to the allocator
  std::array<uint64_t, kWatermarks> watermark;
  PerZone<uint64_t> lowmem_reserve;  // kept from those who could use zone [type]
  Published<uint64_t> nr_reserved_highatomic;
  Published<uint64_t> isolated_pages;  // free, in Isolate pageblocks: nobody gets them
  uint64_t isolated_pageblocks;
  // What each CPU's lists may have; a CPU adopts a change when it next has to do with the zone.
  Published<int32_t> pcp_high, pcp_batch, pcp_huge_high;
  Published<uint32_t> stripes;  // that CPUs' lists are filled from (Stripe, mm/buddy.h)

  // Bit n: there is a region whose largest free block is of order n; of a type, and of GiBs, whose
  // whole pageblocks any of the first three types may have. Under the lock.
  std::array<Published<uint32_t>, kMigratetypes> nonempty;
  Published<uint32_t> nonempty_giga;
  // Free blocks whose CPU could not wait for the lock: a stack through the links, pushed by anyone,
  // emptied by the next that has the lock. Their tags say OnCpuList.
  DeferredIndex deferred;
  uint64_t deferred_pages;  // on it

  // What is free: frames of pageblocks, pageblocks of GiBs, and whole GiBs (mm/buddy.h).
  Regions pageblocks, gigas;  // of kinds: migratetypes but Isolate; kBrokenGiga, kWholeGiga
};
// The second is filed by the first GiB of each run.
inline constexpr unsigned kBrokenGiga = 0, kWholeGiga = 1;
inline constexpr unsigned kGigaKinds = 2, kPageblockKinds = kMigratetypes - 1;

// Whether blocks wait for the zone's lock.
[[nodiscard]] inline bool has_deferred(const Zone& zone) {
  return read_once(zone.deferred) != kNoDeferred;
}

// Where an allocation that prefers this node finds memory when nothing is short, by the low bits of
// its gfp.
struct Choice {
  Zone* zone;  // the node's own preferred zone
  // Above so many free pages that zone may be asked: low watermark + lowmem_reserve +
  // nr_reserved_highatomic; kNoChoice where it is not so simple (not a legal gfp, or something is to be
  // done with what is handed out).
  Published<uint64_t> mark;
};
inline constexpr size_t kChoices = 32;
inline constexpr uint64_t kNoChoice = uint64_t{1} << 62;

struct Node {
  Page* mem_map;            // describes [mem_map_start, mem_map_start + mem_map_frames)
  Pfn mem_map_start;        // a multiple of a pageblock
  uint64_t mem_map_frames;  // likewise
  PageblockMap blocks;
  // As many as links can name; 0 when another node's span reaches into what it describes, or something is
  // to be done with what is freed.
  uint64_t own_frames;
  std::array<Choice, kChoices> choices;
  uint32_t pcp_offset;  // of its first zone's Pcp in each CPU's area

  NodeId id;
  uint16_t zonelist_count;
  bool no_choices;  // every mark is kNoChoice
  uint32_t cpus;    // online, for which it is the own node
  PfnRange spanned;
  uint64_t present;

  // Populated zones in the order in which allocations that prefer this node try them: node after
  // node as the layout says, the highest zone of each first.
  Zone** zonelist;
  // Of the zones up to [type]: the first of that list; null when there is none.
  PerZone<Zone*> preferred;

  PerZone<Zone> zones;

  [[nodiscard]] bool describes(Pfn pfn) const { return pfn - mem_map_start < mem_map_frames; }
  // Whether links can name the frame, so that its blocks of orders 0 to 3 may be on lists: all but
  // those above the first 16 TiB.
  [[nodiscard]] bool links_reach(Pfn pfn) const { return pfn - mem_map_start < kNoFrame; }
  [[nodiscard]] bool links_reach_all() const { return mem_map_frames <= kNoFrame; }
  [[nodiscard]] FrameIndex index(Pfn pfn) const {
    return static_cast<FrameIndex>(pfn - mem_map_start);
  }
  [[nodiscard]] Pfn pfn(FrameIndex index) const { return mem_map_start + index; }
  [[nodiscard]] Page& page(Pfn pfn) const { return mem_map[pfn - mem_map_start]; }
  // Of a block of pageblock order or more, and by number: pageblocks are counted from the start of
  // the node's first GiB.
  [[nodiscard]] Page& head(Pfn pfn) const { return blocks.heads()[blocks.index(pfn)]; }
  // The Page of a block.
  [[nodiscard]] Page& page(Pfn pfn, unsigned order) const {
    return order < kPageblockOrder ? page(pfn) : head(pfn);
  }
  // That of the block that starts at the frame, whatever its order, if it is not free; null when none
  // does.
  [[nodiscard]] Page* block_page(Pfn pfn) const {
    const PageblockState state = blocks.at(pfn).state();
    if (state == PageblockState::Described && page(pfn).tag() != Tag{}) return &page(pfn);
    if (state == PageblockState::Untouched || pfn.v % kPageblockFrames != 0) return nullptr;
    return head(pfn).tag().state() == BlockState::None ? nullptr : &head(pfn);
  }
  [[nodiscard]] std::span<Zone* const> fallback_zones() const { return {zonelist, zonelist_count}; }
};

}  // namespace mm
