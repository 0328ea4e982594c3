#include "mm/page_alloc.h"

#include <algorithm>

#include "mm/block_walk.h"
#include "mm/numa.h"

namespace mm {
namespace {

const ActiveRange* active_at(const Layout& layout, Pfn pfn) {
  const auto after = std::upper_bound(layout.active.begin(), layout.active.end(), pfn,
                                      [](Pfn p, const ActiveRange& r) { return p < r.pfns.start; });
  if (after == layout.active.begin()) return nullptr;
  const ActiveRange& range = *(after - 1);
  return range.pfns.contains(pfn) ? &range : nullptr;
}

constexpr std::array<ErrorText, 9> kFailures{
    "no memory",
    "the order is above the highest",
    "no such node",
    "DMA, DMA32 and HIGHMEM exclude each other",
    "MOVABLE and RECLAIMABLE exclude each other",
    "no zone serves this",
    "not a range of frames of one zone",
    "frames of the range are in use",
    "none of the nodes that are allowed has it",
};

}  // namespace

Error PagesOr::error() const {
  return {.what = kFailures[static_cast<size_t>(failure())], .subject = "alloc_pages"};
}

ZoneCounts& ZoneCounts::operator+=(const ZoneCounts& o) {
  spanned += o.spanned;
  present += o.present;
  managed += o.managed;
  free += o.free;
  on_cpu_lists += o.on_cpu_lists;
  isolated += o.isolated;
  return *this;
}

// --- Handing over --------------------------------------------------------------------------------

Zone* PageAllocatorCore::zone_part(PfnRange frames, PfnRange& part) const {
  Node* node = quick_node(frames.start);
  if (node == nullptr) return nullptr;
  const ActiveRange* const range = active_at(*layout_, frames.start);
  for (Zone& zone : node->zones) {
    if (!zone.populated || !zone.spanned.contains(frames.start)) continue;
    part = frames.clip(zone.spanned);
    if (range == nullptr) return &zone;
    // Of a zone that spans another node's frames, or another zone's, only its own are meant.
    part = part.clip(frames_of_zone(layout_->nodes[node->id], zone.type, *range));
    if (!part.empty()) return &zone;
  }
  return nullptr;
}

Result<> PageAllocatorCore::check_release(PfnRange frames) const {
  const auto bad = [](ErrorText what, Pfn pfn, uint64_t other) {
    return Error{.what = what, .subject = "release", .a = phys(pfn).v, .b = other};
  };
  if (frames.empty())
    return bad("an empty range of frames (start {:#x}, end {:#x})", frames.start,
               phys(frames.end).v);
  for (Pfn at = frames.start; at < frames.end;) {
    PfnRange part;
    const Zone* zone = is_ram(at) ? zone_part({at, frames.end}, part) : nullptr;
    if (zone == nullptr) return bad("a frame that is no RAM of any zone (address {:#x})", at, 0);
    const Node& node = *zone->node;
    const BlockAt block = find_block(node, at);
    if (block.tag.state() != BlockState::None) {
      return bad("a frame that has been handed over before (frame {:#x}, block {:#x})", at,
                 phys(block.pfn).v);
    }
    // Any other block that has frames in here starts in here.
    const Pfn head = first_head(node, {at, part.end});
    if (head < part.end) {
      return bad("a frame that has been handed over before (frame {:#x}, block {:#x})", head,
                 phys(head).v);
    }
    at = part.end;
  }
  return {};
}

// --- Looking up ----------------------------------------------------------------------------------

bool PageAllocatorCore::is_ram(Pfn pfn) const { return active_at(*layout_, pfn) != nullptr; }

Node* PageAllocatorCore::slow_node(Pfn pfn) const {
  const ActiveRange* range = active_at(*layout_, pfn);
  return range == nullptr ? nullptr : nodes_[range->node];
}

const Node* PageAllocatorCore::node_of(Pfn pfn) const {
  if (const Node* node = slow_node(pfn)) return node;
  for (size_t id = 0; id < node_count_; ++id) {
    if (nodes_[id]->spanned.contains(pfn)) return nodes_[id];
  }
  return nullptr;
}

bool PageAllocatorCore::cpu_online(unsigned cpu) const {
  return cpu < cpus_ && cpu_header(cpu).online != 0;
}

NodeId PageAllocatorCore::cpu_node(unsigned cpu) const {
  return static_cast<NodeId>(cpu_header(cpu).node_id);
}

const Pcp& PageAllocatorCore::pcp(unsigned cpu, const Zone& zone) const {
  return pcp_of(cpu, zone);
}

ZoneCounts PageAllocatorCore::zone_counts(NodeId node, ZoneType type) const {
  const Zone& zone = nodes_[node]->zones[type];
  ZoneCounts counts;
  counts.spanned = zone.spanned.size();
  counts.present = zone.present;
  counts.managed = zone.managed;
  counts.isolated = zone.isolated_pages;
  counts.free = zone.free_pages + counts.isolated;
  if (!zone.populated) return counts;
  counts.on_cpu_lists = read_once(zone.deferred_pages);
  for (unsigned cpu = 0; cpu < cpus_; ++cpu) {
    if (!cpu_online(cpu)) continue;
    const Pcp& pcp = pcp_of(cpu, zone);
    counts.on_cpu_lists += static_cast<uint64_t>(pcp.count()) +
                           static_cast<uint64_t>(pcp.huge_count()) * kPageblockFrames;
  }
  return counts;
}

ZoneCounts PageAllocatorCore::node_counts(NodeId node) const {
  ZoneCounts counts;
  for (const ZoneType type : kAllZones) counts += zone_counts(node, type);
  return counts;
}

ZoneCounts PageAllocatorCore::counts() const {
  ZoneCounts counts;
  for (unsigned id = 0; id < node_count_; ++id) counts += node_counts(static_cast<NodeId>(id));
  return counts;
}

NumaEvents PageAllocatorCore::zone_events(NodeId node, ZoneType type) const {
  const Zone& zone = nodes_[node]->zones[type];
  NumaEvents sum{};
  if (!zone.populated) return sum;
  for (unsigned cpu = 0; cpu < cpus_; ++cpu) {
    if (!cpu_online(cpu)) continue;
    sum += pcp_of(cpu, zone).events;
  }
  return sum;
}

NumaEvents PageAllocatorCore::node_events(NodeId node) const {
  NumaEvents sum{};
  for (const ZoneType type : kAllZones) sum += zone_events(node, type);
  return sum;
}

FrameOwner PageAllocatorCore::owner_of(Pfn pfn) const {
  FrameOwner owner = owner_without_cpu(pfn);
  if (owner.use != FrameUse::OnCpuList) return owner;
  for_each_cpu_block([&](const FreeBlock& found, unsigned cpu) {
    if (found.pfn == owner.block) owner.cpu = cpu;
  });
  return owner;
}

FrameOwner PageAllocatorCore::owner_without_cpu(Pfn pfn) const {
  FrameOwner owner;
  const Node* node = node_of(pfn);
  if (node == nullptr) return owner;
  owner.use = FrameUse::Hole;
  owner.node = node->id;
  const ActiveRange* const range = active_at(*layout_, pfn);
  for (const Zone& zone : node->zones) {
    if (!zone.spanned.contains(pfn)) continue;
    if (range != nullptr &&
        !frames_of_zone(layout_->nodes[node->id], zone.type, *range).contains(pfn))
      continue;
    owner.zone = zone.type;
    owner.in_zone = true;
    break;
  }
  if (range == nullptr) return owner;
  owner.use = FrameUse::Reserved;
  const Pageblock pageblock = node->blocks.at(pfn);
  owner.migratetype = pageblock.type();
  owner.pageblock = pageblock.state();
  const BlockAt block = find_block(*node, pfn);
  if (block.tag.state() == BlockState::None) return owner;
  owner.block = block.pfn;
  owner.order = block.order;
  if (block.tag.state() == BlockState::Free) {
    owner.use = FrameUse::Free;
    return owner;
  }
  const Page& page = node->page(block.pfn, block.order);
  if (block.tag.state() == BlockState::Allocated) {
    owner.use = FrameUse::Allocated;
    owner.references = page.references();
  } else {
    owner.use = FrameUse::OnCpuList;
  }
  return owner;
}

// What is wrong with freeing (pfn, order). Looks without a lock: what it reports is what it saw.
Error PageAllocatorCore::diagnose(Pfn pfn, unsigned order) const {
  const auto wrong = [&](ErrorText what, uint64_t b = 0) {
    return Error{.what = what, .subject = "free_pages", .a = phys(pfn).v, .b = b};
  };
  if (order > kMaxOrder)
    return wrong("free of an order above the highest (address {:#x}, order {})", order);
  if (pfn.v % frames_of(order) != 0) {
    return wrong("free of a block that is not aligned to its order (address {:#x}, order {})",
                 order);
  }
  // Whose list a block is on is not looked for: that CPU may be using it.
  const FrameOwner owner = owner_without_cpu(pfn);
  switch (owner.use) {
    case FrameUse::NoNode:
      return wrong("free of a frame out of range: no node has it (address {:#x})");
    case FrameUse::Hole:
      return wrong("free of a frame in a hole: no RAM is there (address {:#x})");
    case FrameUse::Reserved:
      return wrong("free of a reserved frame: it was never handed over (address {:#x})");
    case FrameUse::Free:
      return owner.block == pfn
                 ? wrong("double free: the block is free already (address {:#x}, its order {})",
                         owner.order)
                 : wrong(
                       "free of a frame that is free or was never allocated (address {:#x}, free "
                       "block {:#x})",
                       phys(owner.block).v);
    case FrameUse::OnCpuList:
      return wrong("double free: the block is on a CPU's list (address {:#x})");
    case FrameUse::Allocated:
      if (owner.block != pfn) {
        return wrong(
            "free inside an allocated block, not of its first frame (address {:#x}, block {:#x})",
            phys(owner.block).v);
      }
      if (owner.order != order) {
        return wrong("free of a wrong order (address {:#x}, the block's order {})", owner.order);
      }
      return wrong("free of a block whose last reference is gone (address {:#x}, references {})",
                   owner.references);
  }
  return wrong("free of a frame in an unknown state (address {:#x})");
}

const Error* PageAllocatorCore::fault(CpuHeader& header, Pfn pfn, unsigned order) const {
  Error& error = header.fault;
  error = diagnose(pfn, order);
  return &error;
}

const Error* PageAllocatorCore::raced(Pcp& pcp, Pfn pfn, unsigned order) {
  // From the Pcp, so that what frees has fewer things to keep at hand.
  auto* const area = reinterpret_cast<uint8_t*>(&pcp) - pcp.zone->pcp_offset;  // NOLINT: pcp_at()
  Error& error = reinterpret_cast<CpuHeader*>(area)->fault;                    // NOLINT
  error = {.what =
               "double free: another CPU freed the block at the same time (address {:#x}, "
               "order {})",
           .subject = "free_pages",
           .a = phys(pfn).v,
           .b = order};
  return &error;
}

std::optional<PagesOr::Failure> PageAllocatorCore::refusal(Gfp gfp, unsigned order,
                                                           NodeId preferred) const {
  if (order > kMaxOrder) return PagesOr::Failure::OrderTooHigh;
  if (preferred >= node_count_) return PagesOr::Failure::UnknownNode;
  if (!gfp_zone_ok(gfp)) return PagesOr::Failure::GfpZones;
  if (!gfp_type_ok(gfp)) return PagesOr::Failure::GfpTypes;
  if (nodes_[preferred]->preferred[gfp_zone(gfp)] == nullptr) return PagesOr::Failure::NoZone;
  return std::nullopt;
}

bool PageAllocatorCore::drop_shared(Page& page) {
  uint32_t seen = page.references();
  while (seen > 1) {
    if (__atomic_compare_exchange_n(&page.count, &seen, seen - 1, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED)) {
      return true;
    }
  }
  return false;
}

void PageAllocatorCore::defer(Zone& zone, Pfn pfn, unsigned order) {
  const Node& node = *zone.node;
  const auto frame = static_cast<DeferredIndex>(pfn - node.mem_map_start);
  Page& page = node.page(pfn, order);
  __atomic_fetch_add(&zone.deferred_pages, frames_of(order), __ATOMIC_RELAXED);
  DeferredIndex top = read_once(zone.deferred);
  do {
    page.next = static_cast<FrameIndex>(top);
    page.prev = static_cast<FrameIndex>(uint64_t{top} >> 32);
  } while (!__atomic_compare_exchange_n(&zone.deferred, &top, frame, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED));
}

void PageAllocatorCore::free_deferred(Zone& zone) {
  const Node& node = *zone.node;
  DeferredIndex frame = __atomic_exchange_n(&zone.deferred, kNoDeferred, __ATOMIC_ACQUIRE);
  while (frame != kNoDeferred) {
    const Pfn pfn = node.mem_map_start + frame;
    const Page& page = *node.block_page(pfn);
    const DeferredIndex next = next_deferred(page);
    const unsigned order = page.tag().order();
    free_block(zone, pfn, order);
    __atomic_fetch_sub(&zone.deferred_pages, frames_of(order), __ATOMIC_RELAXED);
    frame = next;
  }
}

Page* PageAllocatorCore::allocated_page(Pfn pfn) const {
  Node* const node = quick_node(pfn);
  Page* const page = node != nullptr && node->describes(pfn) ? node->block_page(pfn) : nullptr;
  return page != nullptr && page->tag().state() == BlockState::Allocated ? page : nullptr;
}

uint64_t* PageAllocatorCore::owners_word(Pfn pfn) const {
  Page* const page = allocated_page(pfn);
  return page == nullptr ? nullptr : &page->owners;
}

Zone& PageAllocatorCore::zone_of_allocated(Pfn pfn) const {
  Node& node = *quick_node(pfn);
  return node.zones[node.block_page(pfn)->tag().zone()];
}

// Whether the range has RAM of the zone's node that is of another zone.
bool PageAllocatorCore::has_frames_of_other(const Zone& zone, PfnRange frames) const {
  const NodeLayout& node = layout_->nodes[zone.node_id];
  for (size_t i = first_active_ending_after(layout_->active, frames.start);
       i < layout_->active.size() && layout_->active[i].pfns.start < frames.end; ++i) {
    const ActiveRange& range = layout_->active[i];
    if (range.node != zone.node_id) continue;
    if (frames.clip(frames_of_zone(node, zone.type, range)) != frames.clip(range.pfns)) return true;
  }
  return false;
}

Result<Zone*> PageAllocatorCore::zone_of_pageblocks(PfnRange frames, const char* caller) const {
  const auto bad = [&](ErrorText what, Pfn pfn) {
    return Error{.what = what, .subject = caller, .a = phys(pfn).v, .b = phys(frames.end).v};
  };
  if (frames.empty() || frames.start.v % kPageblockFrames != 0 ||
      frames.end.v % kPageblockFrames != 0) {
    return bad("not a range of whole pageblocks (address {:#x}, end {:#x})", frames.start);
  }
  for (size_t id = 0; id < node_count_; ++id) {
    for (Zone& zone : nodes_[id]->zones) {
      if (!zone.populated) continue;
      const PfnRange outer{align_down(zone.spanned.start, kPageblockFrames),
                           align_up(zone.spanned.end, kPageblockFrames)};
      if (!outer.contains(frames)) continue;
      for (Pfn pfn = frames.start; pfn < frames.end; pfn += kPageblockFrames) {
        if (nodes_[id]->blocks.at(pfn).shared())
          return bad("a pageblock of two zones (address {:#x}, end {:#x})", pfn);
      }
      if (quick_node(frames.start) == nodes_[id] && !has_frames_of_other(zone, frames)) {
        return &zone;
      }
    }
  }
  return bad("not a range of one zone (address {:#x}, end {:#x})", frames.start);
}

}  // namespace mm
