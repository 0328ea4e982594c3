#include "mm/audit.h"

#include <algorithm>
#include <array>
#include <bit>

#include "mm/numa.h"

namespace mm {
namespace {

// What was seen of a zone, on its lists or in mem_map.
struct Tally {
  std::array<uint64_t, kOrders> free_blocks{};
  std::array<uint64_t, kOrders> cpu_blocks{};
  uint64_t free_pages = 0;
  uint64_t isolated_pages = 0;
  uint64_t cpu_pages = 0;
  uint64_t allocated_pages = 0;
  uint64_t isolated_pageblocks = 0;
  uint64_t highatomic_pageblocks = 0;
};
using Tallies = PerZone<Tally>;

Error violation(ErrorText what, const char* subject, uint64_t a, uint64_t b = 0) {
  return {.what = what, .subject = subject, .a = a, .b = b};
}
Error violation(ErrorText what, const Zone& zone, uint64_t a, uint64_t b = 0) {
  return violation(what, zone_name(zone.type), a, b);
}

// Whether all of it is RAM of the node that belongs to the zone.
bool is_ram_of(const Layout& layout, NodeId node, ZoneType zone, PfnRange frames) {
  const auto after = std::upper_bound(layout.active.begin(), layout.active.end(), frames.start,
                                      [](Pfn p, const ActiveRange& r) { return p < r.pfns.start; });
  if (after == layout.active.begin()) return false;
  // Ranges that touch differ in whether they can be unplugged; a block may lie in both.
  Pfn at = frames.start;
  for (auto range = after - 1; range != layout.active.end() && at < frames.end; ++range) {
    if (range->node != node) return false;
    const PfnRange part = frames_of_zone(layout.nodes[node], zone, *range);
    if (!part.contains(at)) return false;
    at = part.end;
  }
  return at >= frames.end;
}

// --- Lists ---------------------------------------------------------------------------------------

// Calls visit(index, item) for each entry of a list, checking that it is one. `at` says which frame
// an index stands for.
template <class List, class Item, class At, class Visit>
Result<> walk(const Zone& zone, const List& list, const Item* items, uint64_t end, At at,
              uint64_t longest, Visit visit) {
  // Of a HotList the first block's `prev` and, when it is empty, the tail mean nothing.
  constexpr bool kHot = std::is_same_v<List, HotList>;
  FrameIndex before = kNoFrame;
  uint64_t length = 0;
  for (FrameIndex index = list.head; index != kNoFrame;) {
    if (index >= end) return violation("a list leads out of the zone (index {:#x})", zone, index);
    const Pfn pfn = at(index);
    if (!zone.node->blocks.has_bytes(pfn)) {
      return violation("a list leads to what may not be read (address {:#x})", zone, phys(pfn).v);
    }
    const Item& item = items[index];
    if (item.prev != before && !(kHot && before == kNoFrame)) {
      return violation("a list's links do not agree (address {:#x}, prev {:#x})", zone, phys(pfn).v,
                       item.prev);
    }
    if (++length > longest) {
      return violation("a list is longer than its count or a circle (address {:#x}, count {})",
                       zone, phys(pfn).v, longest);
    }
    BATON_TRY(visit(index, item));
    before = index;
    index = item.next;
  }
  if (list.tail != before && !(kHot && before == kNoFrame)) {
    return violation("a list does not end at its tail (index {:#x}, tail {:#x})", zone, before,
                     list.tail);
  }
  return {};
}

// --- Regions -------------------------------------------------------------------------------------

Result<> audit_run(const Zone& zone, RegionIndex first) {
  const uint32_t run = zone.gigas.run(first);
  if (run == 0) {
    return violation("a run of no GiBs (address {:#x})", zone, phys(zone.gigas.start(first)).v);
  }
  for (uint32_t i = 1; i < run; ++i) {
    const Pfn pfn = zone.gigas.start(first + i);
    if (first + i >= zone.gigas.count() || !zone.node->blocks.in_run(pfn)) {
      return violation("a GiB of a run is not marked as such (address {:#x}, run {:#x})", zone,
                       phys(pfn).v, phys(zone.gigas.start(first)).v);
    }
  }
  return {};
}

// What the sets of one sort of regions should have of a group of 512.
class Filed {
 public:
  explicit Filed(const Regions& regions) : regions_(regions) {}

  void add(RegionIndex index, unsigned kind) {
    auto& set = sets_[kind * Regions::kSetsOfKind + regions_[index].largest];
    set[index % RegionSets::kGroup / 64] |= uint64_t{1} << index % 64;
  }
  // Whether they have it; the orders that any is filed by are added to `orders`.
  Result<> check(const Zone& zone, RegionIndex group,
                 std::array<uint32_t, Regions::kMostKinds>& orders) const {
    for (unsigned set = 0; set < regions_.kinds() * Regions::kSetsOfKind; ++set) {
      const auto found = regions_.sets().members(set, group);
      for (unsigned i = 0; i < RegionSets::kGroupWords; ++i) {
        if (const uint64_t wrong = found[i] ^ sets_[set][i]; wrong != 0) {
          const auto index = static_cast<RegionIndex>(
              group * RegionSets::kGroup + i * 64 + static_cast<unsigned>(std::countr_zero(wrong)));
          return violation("a region is filed wrongly (address {:#x}, set {})", zone,
                           phys(regions_.start(index)).v, set);
        }
        if (found[i] == 0) continue;
        orders[set / Regions::kSetsOfKind] |= uint32_t{1} << set % Regions::kSetsOfKind;
      }
    }
    return {};
  }

 private:
  static constexpr unsigned kMostSets = Regions::kMostKinds * Regions::kSetsOfKind;
  const Regions& regions_;
  std::array<std::array<uint64_t, RegionSets::kGroupWords>, kMostSets> sets_{};
};

// Of a region that has something free, or says so: what it says.
Result<> audit_region(const Zone& zone, const Regions& regions, RegionIndex index) {
  const Region& region = regions[index];
  const FreeMap& map = regions.map(index);
  const uint64_t address = phys(regions.start(index)).v;
  if (region.free != map.count()) {
    return violation("what a region has free is not what its map says (address {:#x}, in map {})",
                     zone, address, map.count());
  }
  if (region.free != 0 && map.largest() != region.largest) {
    return violation("a region's largest block is another (address {:#x}, largest {})", zone,
                     address, map.largest());
  }
  return {};
}

void count_blocks_of(const Regions& regions, RegionIndex index, Tally& seen) {
  regions.map(index).for_each_block([&](unsigned, unsigned order) {
    ++seen.free_blocks[regions.unit_order() + order];
    return true;
  });
}

using Orders = std::array<uint32_t, Regions::kMostKinds>;

Result<> audit_orders(const Zone& zone, const Regions& regions, const Orders& orders) {
  for (unsigned set = 0; set < regions.kinds() * Regions::kSetsOfKind; ++set) {
    if (!regions.sets().consistent(set)) {
      return violation("a set of regions is empty and marked as not, or the other way (set {})",
                       zone, set);
    }
  }
  for (unsigned kind = 0; kind < regions.kinds(); ++kind) {
    if (regions.orders(kind) != orders[kind]) {
      return violation(
          "orders without a region are marked, or others not (orders {:#x}, marked {:#x})", zone,
          orders[kind], regions.orders(kind));
    }
  }
  return {};
}

// All regions of a sort: check(index, filed) says what is wrong with one, and files it.
template <class Check>
Result<Orders> audit_regions(const Zone& zone, const Regions& regions, Check check) {
  Orders orders{};
  for (RegionIndex group = 0; group < regions.sets().groups(); ++group) {
    Filed filed(regions);
    for (unsigned i = 0; i < RegionSets::kGroup; ++i) {
      const RegionIndex index = group * RegionSets::kGroup + i;
      if (index >= regions.count()) break;
      BATON_TRY(check(index, filed));
    }
    BATON_TRY(filed.check(zone, group, orders));
  }
  BATON_TRY(audit_orders(zone, regions, orders));
  return orders;
}

Result<> audit_pageblocks(const Zone& zone, Tally& seen) {
  const PageblockMap& blocks = zone.node->blocks;
  const Regions& regions = zone.pageblocks;
  const auto check = [&](RegionIndex index, Filed& filed) -> Result<> {
    const Pfn pfn = regions.start(index);
    if (!zone.spanned.overlaps({pfn, pfn + kPageblockFrames})) return {};
    if (blocks.at(pfn).state() != PageblockState::Described) return {};
    BATON_TRY(audit_region(zone, regions, index));
    const Migratetype type = blocks.at(pfn).type();
    const unsigned free = regions[index].free;
    if (free == 0) return {};
    if (free == kPageblockFrames && type < Migratetype::HighAtomic) {
      return violation("a pageblock that is whole is not its GiB's (address {:#x}, type {})", zone,
                       phys(pfn).v, static_cast<uint64_t>(type));
    }
    (type == Migratetype::Isolate ? seen.isolated_pages : seen.free_pages) += free;
    count_blocks_of(regions, index, seen);
    if (type != Migratetype::Isolate) filed.add(index, static_cast<unsigned>(type));
    return {};
  };
  const Orders orders = BATON_TRY(audit_regions(zone, regions, check));
  for (unsigned kind = 0; kind < kPageblockKinds; ++kind) {
    if (zone.nonempty[kind] != orders[kind]) {
      return violation("nonempty is not what pageblocks have (type {}, orders {:#x})", zone, kind,
                       orders[kind]);
    }
  }
  return {};
}

Result<> audit_gigas(const Zone& zone, Tally& seen) {
  const Regions& regions = zone.gigas;
  const auto check = [&](RegionIndex index, Filed& filed) -> Result<> {
    if (!zone.node->blocks.has_bytes(regions.start(index))) return {};
    BATON_TRY(audit_region(zone, regions, index));
    const unsigned free = regions[index].free;
    if (free == 0) return {};
    const bool whole = free == FreeMap::kUnits;
    filed.add(index, whole ? kWholeGiga : kBrokenGiga);
    if (whole) {
      BATON_TRY(audit_run(zone, index));
      seen.free_blocks[kMaxOrder] += regions.run(index);
      seen.free_pages += uint64_t{regions.run(index)} * kGigaFrames;
    } else {
      seen.free_pages += uint64_t{free} * kPageblockFrames;
      count_blocks_of(regions, index, seen);
    }
    return {};
  };
  const Orders orders = BATON_TRY(audit_regions(zone, regions, check));
  const uint32_t marked = (orders[kBrokenGiga] | orders[kWholeGiga]) << kPageblockOrder;
  if (zone.nonempty_giga != marked) {
    return violation("nonempty_giga is not what GiBs have (orders {:#x}, marked {:#x})", zone,
                     marked, zone.nonempty_giga);
  }
  return {};
}

Result<> audit_free_lists(const Zone& zone, Tally& seen) {
  BATON_TRY(audit_pageblocks(zone, seen));
  BATON_TRY(audit_gigas(zone, seen));
  if (seen.free_pages != zone.free_pages) {
    return violation("free_pages is not the sum over the lists (sum {}, free_pages {})", zone,
                     seen.free_pages, zone.free_pages);
  }
  if (seen.isolated_pages != zone.isolated_pages) {
    return violation("isolated_pages is not the sum over the lists (sum {}, isolated_pages {})",
                     zone, seen.isolated_pages, zone.isolated_pages);
  }
  return {};
}

Result<> audit_pcp(const PageAllocatorCore& core, unsigned cpu, const Node& node, const Zone& zone,
                   Tally& seen) {
  const Pcp& pcp = core.pcp(cpu, zone);
  int64_t pages = 0;
  int64_t huge = 0;
  for (unsigned list = 0; list < kPcpLists; ++list) {
    const unsigned order = pcp_list_order(list);
    const bool is_huge = list == kPcpHugeList;
    const auto at = [&](FrameIndex index) {
      return is_huge ? node.blocks.pageblock(index) : node.pfn(index);
    };
    const auto block = [&](FrameIndex index, const Page& page) -> Result<> {
      const Pfn pfn = at(index);
      if (page.tag() != Tag{BlockState::OnCpuList, order, zone.type, node.id} || page.count != 1) {
        return violation(
            "a block on a CPU's list says it is something else (address {:#x}, tag {:#x})", zone,
            phys(pfn).v, page.tag().word());
      }
      ++seen.cpu_blocks[order];
      seen.cpu_pages += frames_of(order);
      if (order == kPageblockOrder) {
        ++huge;
      } else {
        pages += static_cast<int64_t>(frames_of(order));
      }
      return {};
    };
    const Page* const items = is_huge ? node.blocks.heads() : node.mem_map;
    const uint64_t end = is_huge ? PageblockMap::heads_needed(node.spanned) : node.mem_map_frames;
    BATON_TRY(walk(zone, pcp.lists[list], items, end, at, zone.present, block));
  }
  if (pages != pcp.count() || huge != pcp.huge_count()) {
    return violation("a CPU's count is not what is on its lists (CPU {}, found {})", zone, cpu,
                     static_cast<uint64_t>(pages != pcp.count() ? pages : huge));
  }
  return {};
}

// The stack of blocks that wait for the zone's lock.
Result<> audit_deferred(const Node& node, const Zone& zone, Tally& seen) {
  uint64_t pages = 0;
  for (DeferredIndex at = zone.deferred; at != kNoDeferred;) {
    const Page* const page =
        at < node.mem_map_frames ? node.block_page(node.mem_map_start + at) : nullptr;
    if (page == nullptr) {
      return violation("a deferred block has no Page (frame index {:#x})", zone, at);
    }
    const Tag tag = page->tag();
    if (tag != Tag{BlockState::OnCpuList, tag.order(), zone.type, node.id}) {
      return violation("a deferred block says it is something else (address {:#x}, tag {:#x})",
                       zone, phys(node.mem_map_start + at).v, tag.word());
    }
    ++seen.cpu_blocks[tag.order()];
    pages += frames_of(tag.order());
    if (pages > zone.deferred_pages) break;
    at = next_deferred(*page);
  }
  seen.cpu_pages += pages;
  if (pages != zone.deferred_pages) {
    return violation("deferred_pages is not what waits for the lock (found {}, counted {})", zone,
                     pages, zone.deferred_pages);
  }
  return {};
}

// --- mem_map -------------------------------------------------------------------------------------

// Goes through a node's frames in order and sees each block once.
class MapWalk {
 public:
  MapWalk(const PageAllocatorCore& core, const Node& node) : core_(core), node_(node) {}

  Result<> run(Tallies& seen) {
    const Pfn end = node_.mem_map_start + node_.mem_map_frames;
    for (Pfn pfn = node_.mem_map_start; pfn < end;) {
      const Pfn next_giga = end_of_part(pfn, kGigaFrames);
      if (node_.blocks.in_run(pfn)) {
        BATON_TRY(in_run(align_down(pfn, kGigaFrames), seen));
        pfn = next_giga;
      } else if (node_.blocks.fresh_giga(pfn)) {
        pfn = next_giga;
      } else {
        BATON_TRY(pageblock(pfn, seen));
        pfn += kPageblockFrames;
      }
    }
    return {};
  }

 private:
  // The run that it is in is one of a zone's.
  Result<> in_run(Pfn giga, Tallies& seen) {
    for (const Zone& zone : node_.zones) {
      if (!zone.populated || !zone.spanned.contains(giga)) continue;
      RegionIndex first = zone.gigas.index(giga);
      while (first != 0 && node_.blocks.in_run(zone.gigas.start(first))) --first;
      const Pfn start = zone.gigas.start(first);
      const uint64_t before = (giga - start) / kGigaFrames;
      if (!node_.blocks.has_bytes(start) || zone.gigas.map(first).count() != FreeMap::kUnits ||
          zone.gigas.run(first) <= before) {
        continue;
      }
      ++seen[zone.type].free_blocks[kMaxOrder];
      return whole(giga, kMaxOrder, Tag{BlockState::Free, kMaxOrder, zone.type, node_.id});
    }
    return violation("a GiB of a run without a run (address {:#x})", "mem_map", phys(giga).v);
  }

  Result<> pageblock(Pfn start, Tallies& seen) {
    const Pageblock block = node_.blocks.at(start);
    if (block.state() > PageblockState::Untouched || block.type() > Migratetype::Isolate) {
      return violation("a pageblock's byte means nothing (address {:#x}, byte {:#x})", "pageblock",
                       phys(start).v, block.byte());
    }
    if (block.shared() && block.type() != Migratetype::Movable) {
      return violation("a pageblock of two zones is not Movable (address {:#x}, type {})",
                       "pageblock", phys(start).v, static_cast<uint64_t>(block.type()));
    }
    count_type(start, block.type(), seen);
    for (const Zone& zone : node_.zones) {
      if (!zone.populated || !zone.spanned.overlaps({start, start + kPageblockFrames})) continue;
      BATON_TRY(free_of(zone, start, block, seen[zone.type]));
    }
    const Tag whole_tag = node_.head(start).tag();
    if (whole_tag != Tag{}) {
      if (whole_tag.order() < kPageblockOrder) {
        return violation("a small block as a pageblock's own (address {:#x}, tag {:#x})", "mem_map",
                         phys(start).v, whole_tag.word());
      }
      BATON_TRY(head(start, whole_tag, block, seen));
    }
    if (block.state() != PageblockState::Described) return {};
    for (uint64_t i = 0; i < kPageblockFrames; ++i) {
      const Tag tag = node_.page(start + i).tag();
      if (tag == Tag{}) continue;
      if (tag.order() >= kPageblockOrder) {
        return violation("a frame's Page with a pageblock's order (address {:#x}, tag {:#x})",
                         "mem_map", phys(start + i).v, tag.word());
      }
      BATON_TRY(head(start + i, tag, block, seen));
    }
    return {};
  }

  // What a zone has free in a pageblock.
  Result<> free_of(const Zone& zone, Pfn start, Pageblock block, Tally& seen) {
    const RegionIndex giga = zone.gigas.index(start);
    const FreeMap& gigas = zone.gigas.map(giga);
    const unsigned pageblock = zone.gigas.unit(start);
    if (gigas.has(pageblock)) {
      const unsigned order = kPageblockOrder + gigas.order_at(pageblock);
      // Each block once: where it starts.
      if (start.v % frames_of(order) == 0) {
        ++seen.free_blocks[order];
        const Pfn covered = covered_;
        BATON_TRY(whole(start, order, Tag{BlockState::Free, order, zone.type, node_.id}));
        covered_ = covered;
      }
      if (block.type() >= Migratetype::HighAtomic) {
        return violation("a pageblock that stays apart is its GiB's (address {:#x}, type {})", zone,
                         phys(start).v, static_cast<uint64_t>(block.type()));
      }
    }
    if (block.state() != PageblockState::Described) return {};
    const FreeMap& frames = zone.pageblocks.map(zone.pageblocks.index(start));
    Result<> result;
    frames.for_each_block([&](unsigned unit, unsigned order) {
      const PfnRange all{start + unit, start + unit + frames_of(order)};
      ++seen.free_blocks[order];
      if (gigas.has(pageblock)) {
        result = violation("a frame that is free twice (address {:#x}, order {})", zone,
                           phys(all.start).v, order);
      } else if (!is_ram_of(core_.layout(), node_.id, zone.type, all)) {
        result = violation("free frames that are no RAM of their zone (address {:#x}, order {})",
                           zone, phys(all.start).v, order);
      }
      return result.ok();
    });
    return result;
  }

  void count_type(Pfn start, Migratetype type, Tallies& seen) const {
    if (type < Migratetype::HighAtomic) return;
    for (const Zone& zone : node_.zones) {
      if (!zone.populated || !has_frames_of(zone, {start, start + kPageblockFrames})) continue;
      Tally& tally = seen[zone.type];
      ++(type == Migratetype::Isolate ? tally.isolated_pageblocks : tally.highatomic_pageblocks);
    }
  }

  [[nodiscard]] bool has_frames_of(const Zone& zone, PfnRange frames) const {
    const Layout& layout = core_.layout();
    for (size_t i = first_active_ending_after(layout.active, frames.start);
         i < layout.active.size() && layout.active[i].pfns.start < frames.end; ++i) {
      const ActiveRange& range = layout.active[i];
      if (range.node == node_.id &&
          frames_of_zone(layout.nodes[node_.id], zone.type, range).overlaps(frames)) {
        return true;
      }
    }
    return false;
  }

  // The block is where a block may be: inside its zone, all RAM of the node, over no other.
  Result<> whole(Pfn pfn, unsigned order, Tag tag) {
    if (static_cast<size_t>(tag.zone()) >= kZoneTypes || tag.node() != node_.id) {
      return violation("a block of a zone or node that it is not in (address {:#x}, tag {:#x})",
                       "mem_map", phys(pfn).v, tag.word());
    }
    const Zone& zone = node_.zones[tag.zone()];
    if (order > kMaxOrder || pfn.v % frames_of(order) != 0) {
      return violation("a block that is not aligned to its order (address {:#x}, order {})", zone,
                       phys(pfn).v, order);
    }
    const PfnRange frames{pfn, pfn + frames_of(order)};
    if (pfn < covered_) {
      return violation("a block inside another (address {:#x}, order {})", zone, phys(pfn).v,
                       order);
    }
    covered_ = frames.end;
    if (!zone.populated || !zone.spanned.contains(frames)) {
      return violation("a block that leaves its zone (address {:#x}, order {})", zone, phys(pfn).v,
                       order);
    }
    if (!is_ram_of(core_.layout(), node_.id, zone.type, frames)) {
      return violation("a block that is not all RAM of its zone and node (address {:#x}, order {})",
                       zone, phys(pfn).v, order);
    }
    return {};
  }

  Result<> head(Pfn pfn, Tag tag, Pageblock block, Tallies& seen) {
    BATON_TRY(whole(pfn, tag.order(), tag));
    const Zone& zone = node_.zones[tag.zone()];
    Tally& tally = seen[tag.zone()];
    if (tag.order() < kPageblockOrder && block.state() != PageblockState::Described) {
      return violation(
          "a small block in a pageblock that is not described (address {:#x}, order {})", zone,
          phys(pfn).v, tag.order());
    }
    if (const Pfn free = first_free(zone, {pfn, pfn + frames_of(tag.order())}); free != kNoPfn) {
      return violation("a block over a frame that is free (address {:#x}, free {:#x})", zone,
                       phys(pfn).v, phys(free).v);
    }
    switch (tag.state()) {
      case BlockState::OnCpuList:
        ++tally.cpu_blocks[tag.order()];
        tally.cpu_pages += frames_of(tag.order());
        return {};
      case BlockState::Allocated:
        tally.allocated_pages += frames_of(tag.order());
        if (node_.page(pfn, tag.order()).count == 0) {
          return violation("an allocated block without a reference (address {:#x}, order {})", zone,
                           phys(pfn).v, tag.order());
        }
        return {};
      case BlockState::None:
      case BlockState::Free:
        break;
    }
    return violation("a tag without a state (address {:#x}, tag {:#x})", zone, phys(pfn).v,
                     tag.word());
  }

  // The first frame of the range, which is in one zone, that a map says is free.
  [[nodiscard]] Pfn first_free(const Zone& zone, PfnRange frames) const {
    for (Pfn at = frames.start; at < frames.end;) {
      const Pfn end = std::min(end_of_part(at, kPageblockFrames), frames.end);
      if (zone.gigas.map(zone.gigas.index(at)).has(zone.gigas.unit(at))) return at;
      if (node_.blocks.at(at).state() == PageblockState::Described) {
        const RegionIndex index = zone.pageblocks.index(at);
        const unsigned unit = zone.pageblocks.map(index).first_from(zone.pageblocks.unit(at));
        const Pfn free = zone.pageblocks.pfn(index, unit);
        if (free < end) return free;
      }
      at = end;
    }
    return kNoPfn;
  }

  const PageAllocatorCore& core_;
  const Node& node_;
  Pfn covered_;
};

// --- Together ------------------------------------------------------------------------------------

Result<> audit_choices(const Zone& zone) {
  for (size_t bits = 0; bits < kChoices; ++bits) {
    const Gfp gfp{static_cast<uint32_t>(bits)};
    const Choice& choice = zone.node->choices[bits];
    const bool mine =
        !zone.node->no_choices && gfp_ok(gfp) && zone.node->preferred[gfp_zone(gfp)] == &zone;
    if (mine != (choice.zone == &zone && choice.mark != kNoChoice)) {
      return violation("a choice is not the zone that is preferred (gfp {:#x})", zone, bits);
    }
    if (!mine) continue;
    const uint64_t sum = zone.watermark[static_cast<size_t>(Watermark::Low)] +
                         zone.lowmem_reserve[gfp_zone(gfp)] + zone.nr_reserved_highatomic;
    if (choice.mark != sum) {
      return violation("a choice's mark is not low + reserve + highatomic (mark {}, sum {})", zone,
                       choice.mark, sum);
    }
  }
  return {};
}

Result<> audit_numbers(const Zone& zone, const Tally& lists, const Tally& map) {
  for (unsigned order = 0; order < kOrders; ++order) {
    if (lists.free_blocks[order] != map.free_blocks[order]) {
      return violation(
          "free blocks in mem_map and on lists differ in number (in mem_map {}, on lists {})", zone,
          map.free_blocks[order], lists.free_blocks[order]);
    }
    if (lists.cpu_blocks[order] != map.cpu_blocks[order]) {
      return violation(
          "blocks on CPUs' lists differ from those in mem_map (in mem_map {}, on lists {})", zone,
          map.cpu_blocks[order], lists.cpu_blocks[order]);
    }
  }
  const uint64_t sum =
      lists.free_pages + lists.isolated_pages + lists.cpu_pages + map.allocated_pages;
  if (sum != zone.managed) {
    return violation("free + on CPUs' lists + allocated is not managed (sum {}, managed {})", zone,
                     sum, zone.managed);
  }
  if (zone.managed > zone.present || zone.present > zone.spanned.size()) {
    return violation("managed <= present <= spanned does not hold (managed {}, present {})", zone,
                     zone.managed, zone.present);
  }
  if (map.isolated_pageblocks != zone.isolated_pageblocks) {
    return violation("the number of isolated pageblocks is wrong (found {}, counted {})", zone,
                     map.isolated_pageblocks, zone.isolated_pageblocks);
  }
  if (map.highatomic_pageblocks * kPageblockFrames != zone.nr_reserved_highatomic) {
    return violation("nr_reserved_highatomic is wrong (pages found {}, counted {})", zone,
                     map.highatomic_pageblocks * kPageblockFrames, zone.nr_reserved_highatomic);
  }
  const auto& marks = zone.watermark;
  if (!std::is_sorted(marks.begin(), marks.end())) {
    return violation("the watermarks do not rise (min {}, high {})", zone, marks[0], marks[2]);
  }
  return audit_choices(zone);
}

Result<> audit_zonelist(const PageAllocatorCore& core, const Node& node) {
  size_t expected = 0;
  const NodeLayout& layout = core.layout().nodes[node.id];
  const std::span<Zone* const> list = node.fallback_zones();
  for (uint16_t i = 0; i < layout.fallback_count; ++i) {
    const Node& other = core.node(layout.fallback[i]);
    // NOLINTNEXTLINE(modernize-loop-convert): backwards
    for (auto type = kAllZones.rbegin(); type != kAllZones.rend(); ++type) {
      const Zone& zone = other.zones[*type];
      if (!zone.populated) continue;
      if (expected >= list.size() || list[expected] != &zone) {
        return violation("a zonelist is not in fallback order (node {}, position {})",
                         zone_name(zone.type), node.id, expected);
      }
      ++expected;
    }
  }
  if (expected != list.size()) {
    return violation("a zonelist has zones too many (node {}, zones {})", "zonelist", node.id,
                     list.size());
  }
  for (const ZoneType highest : kAllZones) {
    const auto first = std::find_if(list.begin(), list.end(),
                                    [&](const Zone* zone) { return zone->type <= highest; });
    if (node.preferred[highest] != (first == list.end() ? nullptr : *first)) {
      return violation(
          "a preferred zone is not the first that may serve (node {}, highest zone {})", "zonelist",
          node.id, static_cast<uint64_t>(highest));
    }
  }
  return {};
}

}  // namespace

Result<> audit(const PageAllocatorCore& core) {
  for (size_t id = 0; id < core.node_count(); ++id) {
    const Node& node = core.node(static_cast<NodeId>(id));
    BATON_TRY(audit_zonelist(core, node));
    if (node.present == 0) continue;
    Tallies lists{};
    Tallies map{};
    for (const Zone& zone : node.zones) {
      if (!zone.populated) continue;
      Tally& seen = lists[zone.type];
      BATON_TRY(audit_free_lists(zone, seen));
      BATON_TRY(audit_deferred(node, zone, seen));
      for (unsigned cpu = 0; cpu < core.cpus(); ++cpu) {
        if (!core.cpu_online(cpu)) continue;
        BATON_TRY(audit_pcp(core, cpu, node, zone, seen));
      }
    }
    BATON_TRY(MapWalk(core, node).run(map));
    for (const Zone& zone : node.zones) {
      if (!zone.populated) continue;
      BATON_TRY(audit_numbers(zone, lists[zone.type], map[zone.type]));
    }
  }
  return {};
}

}  // namespace mm
