#include "mm/audit.h"

#include <algorithm>
#include <array>

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

// What a list's links are: indexes of frames, or of records of pageblocks.
enum class Links : uint8_t { Frames, Records };

// Calls visit(index, Pfn, Page&) for each entry of a list, checking that it is one.
template <class List, class Visit>
Result<> walk(const Node& node, const Zone& zone, const List& list, Links links, uint64_t longest,
              Visit visit) {
  // Of a HotList the first block's `prev` and, when it is empty, the tail mean nothing.
  constexpr bool kHot = std::is_same_v<List, HotList>;
  const bool frames = links == Links::Frames;
  const uint64_t end =
      frames ? node.mem_map_frames : uint64_t{node.first_edge_record} + node.edge_count;
  FrameIndex before = kNoFrame;
  uint64_t length = 0;
  for (FrameIndex at = list.head; at != kNoFrame;) {
    if (at >= end) return violation("a list leads out of mem_map (index {:#x})", zone, at);
    const Pfn pfn = frames ? node.pfn(at) : node.pageblock(at);
    if (!node.blocks.at(pfn).readable(pfn.v)) {
      return violation("a list leads to a Page that may not be read (address {:#x})", zone,
                       phys(pfn).v);
    }
    const Page& page = frames ? node.mem_map[at] : node.heads[at];
    if (page.prev != before && !(kHot && before == kNoFrame)) {
      return violation("a list's links do not agree (address {:#x}, prev {:#x})", zone, phys(pfn).v,
                       page.prev);
    }
    if (++length > longest) {
      return violation("a list is longer than its count or a circle (address {:#x}, count {})",
                       zone, phys(pfn).v, longest);
    }
    BATON_TRY(visit(at, pfn, page));
    before = at;
    at = page.next;
  }
  if (list.tail != before && !(kHot && before == kNoFrame)) {
    return violation("a list does not end at its tail (index {:#x}, tail {:#x})", zone,
                     before, list.tail);
  }
  return {};
}

Result<> audit_run(const Node& node, const Zone& zone, Pfn first, uint64_t count) {
  if (count == 0) return violation("a run of no blocks (address {:#x})", zone, phys(first).v);
  for (uint64_t i = 1; i < count; ++i) {
    const Pfn pfn = first + i * kGigaFrames;
    if (!node.describes(pfn) || !node.blocks.in_run(pfn)) {
      return violation("a block of a run is not marked as such (address {:#x}, run {:#x})", zone,
                       phys(pfn).v, phys(first).v);
    }
  }
  return {};
}

// The lists of blocks of pageblock order and more.
Result<> audit_areas(const Node& node, const Zone& zone, Tally& seen) {
  for (unsigned order = kPageblockOrder; order < kOrders; ++order) {
    const FreeArea& area = zone.area(order);
    for (unsigned t = 0; t < kMigratetypes; ++t) {
      const auto type = static_cast<Migratetype>(t);
      const bool marked = (zone.nonempty[t] >> order & 1) != 0;
      if (marked == area.lists[t].empty()) {
        return violation("a list is empty and marked as not, or the other way (order {}, type {})",
                         zone, order, t);
      }
      uint64_t blocks = 0;
      const auto block = [&](FrameIndex, Pfn pfn, const Page& page) -> Result<> {
        if (page.tag() != Tag{BlockState::Free, order, zone.type, node.id}) {
          return violation(
              "a block on a free list says it is something else (address {:#x}, tag {:#x})", zone,
              phys(pfn).v, page.tag().word());
        }
        if (node.blocks.at(pfn).type() != type) {
          return violation(
              "a free block is on the list of another type than its pageblock's (address {:#x}, "
              "type {})",
              zone, phys(pfn).v, t);
        }
        uint64_t count = 1;
        if (order == kMaxOrder) {
          count = page.count;
          BATON_TRY(audit_run(node, zone, pfn, count));
        }
        blocks += count;
        (type == Migratetype::Isolate ? seen.isolated_pages : seen.free_pages) += count << order;
        return {};
      };
      BATON_TRY(walk(node, zone, area.lists[t], Links::Records, area.nr_free[t], block));
      if (blocks != area.nr_free[t]) {
        return violation("nr_free is not the number of blocks on the list (found {}, nr_free {})",
                         zone, blocks, area.nr_free[t]);
      }
      seen.free_blocks[order] += blocks;
    }
  }
  return {};
}

// A pageblock on a list of broken ones: whether it is what the list is of.
Result<> audit_broken_one(const Node& node, const Zone& zone, FrameIndex record, unsigned type,
                          unsigned full, unsigned largest) {
  const Pfn pfn = node.pageblock(record);
  const Page& head = node.heads[record];
  const FreeMap& map = node.free_maps[record];
  if (head.tag() != Tag::broken(largest, zone.type, node.id)) {
    return violation("a broken pageblock says it is something else (address {:#x}, tag {:#x})",
                     zone, phys(pfn).v, head.tag().word());
  }
  if (node.blocks.at(pfn).type() != static_cast<Migratetype>(type)) {
    return violation(
        "a broken pageblock is on the list of another type than its own (address {:#x}, type {})",
        zone, phys(pfn).v, type);
  }
  if (head.count != map.count() || head.count == 0 || head.count >= kPageblockFrames) {
    return violation("a broken pageblock's count is not what is free (address {:#x}, free {})",
                     zone, phys(pfn).v, map.count());
  }
  if (map.largest() != largest || BrokenPageblocks::class_of(head.count) != full) {
    return violation("a broken pageblock is on the wrong list (address {:#x}, free {})", zone,
                     phys(pfn).v, map.count());
  }
  return {};
}

Result<> audit_broken(const Node& node, const Zone& zone, Tally& seen) {
  for (unsigned t = 0; t < kMigratetypes; ++t) {
    const BrokenPageblocks& broken = zone.broken[t];
    uint32_t all = 0;
    for (unsigned full = 0; full < BrokenPageblocks::kClasses; ++full) {
      uint32_t orders = 0;
      for (unsigned largest = 0; largest < kPageblockOrder; ++largest) {
        const FrameList& list = broken.lists[full][largest];
        if (!list.empty()) orders |= uint32_t{1} << largest;
        const auto pageblock = [&](FrameIndex record, Pfn, const Page& head) -> Result<> {
          BATON_TRY(audit_broken_one(node, zone, record, t, full, largest));
          (t == static_cast<unsigned>(Migratetype::Isolate) ? seen.isolated_pages
                                                            : seen.free_pages) += head.count;
          node.free_maps[record].for_each_block([&](uint64_t, unsigned order) {
            ++seen.free_blocks[order];
            return true;
          });
          return {};
        };
        BATON_TRY(walk(node, zone, list, Links::Records, zone.present, pageblock));
      }
      if (orders != broken.orders[full]) {
        return violation(
            "a list of broken pageblocks is empty and marked as not, or the other way (type {}, "
            "orders {:#x})",
            zone, t, orders);
      }
      all |= orders;
    }
    constexpr uint32_t kSmall = (uint32_t{1} << kPageblockOrder) - 1;
    if ((zone.nonempty[t] & kSmall) != all) {
      return violation("nonempty is not what the lists of broken pageblocks are (type {}, {:#x})",
                       zone, t, all);
    }
  }
  return {};
}

Result<> audit_free_lists(const Node& node, const Zone& zone, Tally& seen) {
  BATON_TRY(audit_areas(node, zone, seen));
  BATON_TRY(audit_broken(node, zone, seen));
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
    const auto block = [&](FrameIndex, Pfn pfn, const Page& page) -> Result<> {
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
    const Links links = list == kPcpHugeList ? Links::Records : Links::Frames;
    BATON_TRY(walk(node, zone, pcp.lists[list], links, zone.present, block));
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
  for (FrameIndex at = zone.deferred; at != kNoFrame;) {
    const Page* const page = at < node.mem_map_frames ? node.block_page(node.pfn(at)) : nullptr;
    if (page == nullptr) {
      return violation("a deferred block has no Page (frame index {:#x})", zone, at);
    }
    const Tag tag = page->tag();
    if (tag != Tag{BlockState::OnCpuList, tag.order(), zone.type, node.id}) {
      return violation("a deferred block says it is something else (address {:#x}, tag {:#x})",
                       zone, phys(node.pfn(at)).v, tag.word());
    }
    ++seen.cpu_blocks[tag.order()];
    pages += frames_of(tag.order());
    if (pages > zone.deferred_pages) break;
    at = page->next;
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
      const Pfn next_giga = align_down(pfn, kGigaFrames) + kGigaFrames;
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
  Result<> in_run(Pfn giga, Tallies& seen) {
    Pfn first = giga;
    while (node_.describes(first) && node_.blocks.in_run(first)) first -= kGigaFrames;
    if (!node_.describes(first) || !node_.blocks.at(first).readable(first.v)) {
      return violation("a block of a run without a run (address {:#x})", "mem_map", phys(giga).v);
    }
    const Page& page = node_.head(first);
    const Tag tag = page.tag();
    if (!tag.is(BlockState::Free, kMaxOrder) || page.count <= (giga - first) / kGigaFrames) {
      return violation("a block of a run that ends before it (address {:#x}, run {:#x})", "mem_map",
                       phys(giga).v, phys(first).v);
    }
    BATON_TRY(whole(giga, kMaxOrder, tag));
    ++seen[tag.zone()].free_blocks[kMaxOrder];
    return {};
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
    if (block.state() == PageblockState::Untouched) return {};
    const Tag whole = node_.head(start).tag();
    if (whole.state() != BlockState::None) {
      if (whole.order() < kPageblockOrder) {
        return violation("a small block as a pageblock's own (address {:#x}, tag {:#x})", "mem_map",
                         phys(start).v, whole.word());
      }
      BATON_TRY(head(start, whole, block, seen));
    }
    if (block.state() != PageblockState::Described) return {};
    Result<> result;
    for_each_record(node_, start, [&](FrameIndex record) {
      if (result.ok()) result = free_frames(start, record, seen);
    });
    BATON_TRY(result);
    for (uint64_t i = 0; i < kPageblockFrames; ++i) {
      const Tag tag = node_.page(start + i).tag();
      if (tag == Tag{}) continue;
      if (tag.state() == BlockState::Free || tag.order() >= kPageblockOrder) {
        return violation("a frame's Page with a tag that it may not have (address {:#x}, tag {:#x})",
                         "mem_map", phys(start + i).v, tag.word());
      }
      BATON_TRY(head(start + i, tag, block, seen));
      uint64_t free = kPageblockFrames;
      for_each_record(node_, start, [&](FrameIndex record) {
        free = std::min(free, node_.free_maps[record].first_from(i));
      });
      if (free < i + frames_of(tag.order())) {
        return violation("a block over a frame that is free (address {:#x}, free {:#x})", "mem_map",
                         phys(start + i).v, phys(start + free).v);
      }
    }
    return {};
  }

  // What is free of a pageblock is free of nobody, and counted where it is on a list.
  Result<> free_frames(Pfn start, FrameIndex record, Tallies& seen) {
    const FreeMap& map = node_.free_maps[record];
    const Tag tag = node_.heads[record].tag();
    if (map.count() == 0) return {};
    if (!tag.is_broken()) {
      return violation("frames free of a pageblock that is not broken (address {:#x}, tag {:#x})",
                       "mem_map", phys(start).v, tag.word());
    }
    const Zone& zone = node_.zones[tag.zone()];
    Result<> result;
    map.for_each_block([&](uint64_t frame, unsigned order) {
      const PfnRange frames{start + frame, start + frame + frames_of(order)};
      ++seen[tag.zone()].free_blocks[order];
      if (!zone.populated || !is_ram_of(core_.layout(), node_.id, zone.type, frames)) {
        result = violation("free frames that are no RAM of their zone (address {:#x}, order {})",
                           zone, phys(frames.start).v, order);
      }
      for (uint64_t i = 0; i < frames.size() && result.ok(); ++i) {
        if (node_.page(frames.start + i).tag() == Tag{}) continue;
        result = violation("a free frame with a tag (address {:#x}, tag {:#x})", zone,
                           phys(frames.start + i).v, node_.page(frames.start + i).tag().word());
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
    switch (tag.state()) {
      case BlockState::Free:
        ++tally.free_blocks[tag.order()];
        return free_head(pfn, tag, block, zone);
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
        break;
    }
    return violation("a tag without a state (address {:#x}, tag {:#x})", zone, phys(pfn).v,
                     tag.word());
  }

  Result<> free_head(Pfn pfn, Tag tag, Pageblock block, const Zone& zone) {
    if (tag.order() == kMaxOrder) {
      // A run counts its first block here; the others are met as they come.
      return {};
    }
    const Pfn buddy{pfn.v ^ frames_of(tag.order())};
    if (tag.order() > kPageblockOrder) BATON_TRY(uniform(pfn, tag.order(), block.type(), zone));
    if (!node_.describes(buddy)) return {};
    const Pageblock other = node_.blocks.at(buddy);
    if (other.readable(buddy.v) && node_.head(buddy).tag() == tag &&
        may_merge(block.type(), other.type())) {
      return violation("two free blocks that should have been merged (address {:#x}, order {})",
                       zone, phys(pfn).v, tag.order());
    }
    return {};
  }

  // All pageblocks of a large free block may be mixed with its first.
  Result<> uniform(Pfn pfn, unsigned order, Migratetype type, const Zone& zone) const {
    for (uint64_t i = 0; i < frames_of(order); i += kPageblockFrames) {
      if (!may_merge(type, node_.blocks.at(pfn + i).type())) {
        return violation(
            "a free block with pageblocks that do not mix (address {:#x}, pageblock {:#x})", zone,
            phys(pfn).v, phys(pfn + i).v);
      }
    }
    return {};
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
    const bool mine = gfp_ok(gfp) && zone.node->preferred[gfp_zone(gfp)] == &zone;
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
      BATON_TRY(audit_free_lists(node, zone, seen));
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
