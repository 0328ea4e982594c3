#include "mm/page_alloc.h"

#include <algorithm>
#include <bit>

#include "mm/numa.h"

namespace mm {
namespace {

// The shape of a node's NODE_DATA.
struct NodeDataShape {
  uint64_t zonelist;  // offset of the zonelist
  uint64_t blocks;    // of the pageblock map
  uint64_t size;
};

size_t populated_zones(const Layout& layout) {
  size_t count = 0;
  for (const NodeLayout& node : layout.nodes) {
    for (const ZoneLayout& zone : node.zones) count += zone.present != 0;
  }
  return count;
}

// mem_map covers whole sections, and a section never crosses a GiB: as many GiBs as the span needs.
NodeDataShape shape_of(size_t populated, const NodeLayout& node) {
  NodeDataShape shape{};
  shape.zonelist = align_up(sizeof(Node), 64);
  shape.blocks = align_up(shape.zonelist + populated * sizeof(uintptr_t), 64);
  shape.size = align_up(shape.blocks + PageblockMap::bytes_needed(node.spanned), kPageSize);
  return shape;
}

Range per_cpu_range(const Layout& layout) {
  for (const NodeLayout& node : layout.nodes) {
    if (!node.per_cpu.empty()) return node.per_cpu;
  }
  return {};
}

const ActiveRange* active_at(const Layout& layout, Pfn pfn) {
  const auto after = std::upper_bound(layout.active.begin(), layout.active.end(), pfn,
                                      [](Pfn p, const ActiveRange& r) { return p < r.pfns.start; });
  if (after == layout.active.begin()) return nullptr;
  const ActiveRange& range = *(after - 1);
  return range.pfns.contains(pfn) ? &range : nullptr;
}

// bytes[first, last) = value, a word at a time in the middle.
void fill(uint8_t* bytes, uint64_t first, uint64_t last, uint8_t value) {
  while (first < last && first % 8 != 0) bytes[first++] = value;
  const uint64_t word = value * uint64_t{0x0101'0101'0101'0101};
  for (; last - first >= 8 && first < last; first += 8) __builtin_memcpy(bytes + first, &word, 8);
  while (first < last) bytes[first++] = value;
}

constexpr std::array<const char*, 8> kFailures{
    "no memory",
    "the order is above the highest",
    "no such node",
    "DMA, DMA32 and HIGHMEM exclude each other",
    "MOVABLE and RECLAIMABLE exclude each other",
    "no zone serves this",
    "not a range of frames of one zone",
    "frames of the range are in use",
};

// A node's Pcps lie side by side, so that a zone's is found by the zone's number; after a header.
constexpr uint64_t kCpuHeaderSize = 256;
uint64_t cpu_area_size(const Layout& layout) {
  uint64_t nodes = 0;
  for (const NodeLayout& node : layout.nodes) nodes += node.present != 0;
  return kCpuHeaderSize + nodes * kZoneTypes * sizeof(Pcp);
}

}  // namespace

uint64_t node_data_size(const Layout& layout, NodeId node) {
  return shape_of(populated_zones(layout), layout.nodes[node]).size;
}

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

// --- Starting up ---------------------------------------------------------------------------------

uint64_t per_cpu_size(const Layout& layout, unsigned cpus) {
  return align_up(kPageSize + cpus * cpu_area_size(layout), kPageSize);
}

Result<> PageAllocatorCore::check_layout(const Layout& layout, unsigned cpus) const {
  if (layout.nodes.empty() || layout.nodes.size() > kMaxNodes) {
    return Error{.what = "the number of nodes is none or above the highest (nodes, highest)",
                 .subject = "layout",
                 .a = layout.nodes.size(),
                 .b = kMaxNodes};
  }
  const Range per_cpu = per_cpu_range(layout);
  if (cpus == 0 || per_cpu.size() < per_cpu_size(layout, cpus)) {
    return Error{.what = "the per-CPU area is too small (bytes, needed)",
                 .subject = "layout",
                 .a = per_cpu.size(),
                 .b = per_cpu_size(layout, cpus)};
  }
  const size_t populated = populated_zones(layout);
  for (const NodeLayout& node : layout.nodes) {
    const auto id = static_cast<NodeId>(&node - layout.nodes.data());
    if (node.id != id) {
      return Error{.what = "a node is not at its own index (id, index)",
                   .subject = "layout",
                   .a = node.id,
                   .b = id};
    }
    if (node.node_data.size() < shape_of(populated, node).size) {
      return Error{.what = "NODE_DATA is too small (node, bytes needed)",
                   .subject = "layout",
                   .a = id,
                   .b = node_data_size(layout, id)};
    }
    const uint64_t frames = node.mem_map.size() / sizeof(Page);
    if (frames >= kNoFrame) {
      return Error{.what = "a node spans more frames than its links can name (node, frames)",
                   .subject = "layout",
                   .a = id,
                   .b = frames};
    }
    if (node.present == 0) continue;
    if (node.mem_map_start.v % kPageblockFrames != 0 || frames % kPageblockFrames != 0 ||
        node.mem_map_start > node.spanned.start || node.mem_map_start + frames < node.spanned.end) {
      return Error{.what = "mem_map does not cover the node in whole pageblocks (node, frames)",
                   .subject = "layout",
                   .a = id,
                   .b = frames};
    }
    Pfn below = node.spanned.start;
    for (size_t type = 0; type < kZoneTypes; ++type) {
      const ZoneLayout& zone = node.zones[type];
      if (zone.present == 0) continue;
      // Movable may lie inside another zone; see frames_of_zone().
      const bool overlaps =
          zone.spanned.start < below && static_cast<ZoneType>(type) != ZoneType::Movable;
      if (overlaps || zone.spanned.start < node.spanned.start ||
          node.spanned.end < zone.spanned.end) {
        return Error{.what = "zones overlap or leave their node (node, frame)",
                     .subject = "layout",
                     .a = id,
                     .b = zone.spanned.start.v};
      }
      below = zone.spanned.end;
    }
  }
  Pfn below;
  for (const ActiveRange& range : layout.active) {
    if (range.node >= layout.nodes.size() || range.pfns.start < below || range.pfns.empty() ||
        !layout.nodes[range.node].spanned.contains(range.pfns)) {
      return Error{.what = "an active range is out of order or outside its node (frame, node)",
                   .subject = "layout",
                   .a = range.pfns.start.v,
                   .b = range.node};
    }
    below = range.pfns.end;
  }
  return {};
}

Result<> PageAllocatorCore::init_core(const Layout& layout, const DirectMap& map, unsigned cpus) {
  BATON_TRY(check_layout(layout, cpus));
  layout_ = &layout;
  map_ = map;
  cpus_ = cpus;
  node_count_ = static_cast<unsigned>(layout.nodes.size());
  populated_ = populated_zones(layout);
  totalreserve_pages_ = 0;
  min_free_kbytes_ = 0;
  pagesets_ready_ = false;

  const Range per_cpu = per_cpu_range(layout);
  node_index_ = map.at<uint8_t>(per_cpu.start);
  cpu_areas_ = node_index_ + kNodeIndexSize;
  static_assert(sizeof(CpuHeader) <= kCpuHeaderSize);
  auto next_pcp = static_cast<uint32_t>(kCpuHeaderSize);
  for (const NodeLayout& node : layout.nodes) init_node(node, next_pcp);
  share_mirror_edges();
  cpu_stride_ = next_pcp;
  for (const NodeLayout& node : layout.nodes) {
    build_zonelist(*nodes_[node.id], node);
    find_choices(*nodes_[node.id]);
  }
  index_nodes();
  for (unsigned cpu = 0; cpu < cpus; ++cpu) cpu_header(cpu).online = 0;
  return {};
}

void PageAllocatorCore::init_node(const NodeLayout& from, uint32_t& next_pcp) {
  const NodeDataShape shape = shape_of(populated_, from);
  auto* base = map_.at<uint8_t>(from.node_data.start);
  Node* node = new (base) Node;
  nodes_[from.id] = node;
  node->id = from.id;
  node->spanned = from.spanned;
  node->present = from.present;
  node->mem_map = map_.at<Page>(from.mem_map.start);
  node->mem_map_start = from.mem_map_start;
  node->mem_map_frames = from.mem_map.size() / sizeof(Page);
  node->blocks.init(from.spanned, base + shape.blocks);
  node->zonelist = reinterpret_cast<Zone**>(base + shape.zonelist);  // NOLINT: room for them
  node->pcp_offset = next_pcp;
  if (from.present != 0) next_pcp += static_cast<uint32_t>(kZoneTypes * sizeof(Pcp));
  for (size_t type = 0; type < kZoneTypes; ++type) {
    init_zone(*node, static_cast<ZoneType>(type), from.zones[type]);
  }
}

void PageAllocatorCore::init_zone(Node& node, ZoneType type, const ZoneLayout& from) {
  Zone& zone = node.zones[static_cast<size_t>(type)];
  zone.node = &node;
  zone.node_id = node.id;
  zone.type = type;
  zone.populated = from.present != 0;
  zone.spanned = from.spanned;
  zone.present = from.present;
  zone.managed = 0;
  zone.watermark = {};
  zone.lowmem_reserve = {};
  zone.nr_reserved_highatomic = 0;
  zone.pcp_high = 0;
  zone.pcp_batch = 1;
  zone.free_pages = 0;
  zone.isolated_pages = 0;
  zone.isolated_pageblocks = 0;
  zone.nonempty = {};
  zone.pcp_offset =
      node.pcp_offset + static_cast<uint32_t>(static_cast<size_t>(type) * sizeof(Pcp));
  if (!zone.populated) return;
  init_free_area(zone);
  // The first frame of a zone and the last are enough where zones do not overlap.
  share_edge(node, from.spanned.start, from.spanned.start);
  share_edge(node, from.spanned.end, from.spanned.end - 1);
}

// What two zones share at a border is made before two CPUs could make it at once. `inside` is a
// frame next to the edge that the node has.
void PageAllocatorCore::share_edge(Node& node, Pfn edge, Pfn inside) {
  if (edge.v % kGigaFrames == 0) return;
  node.blocks.touch(inside);
  if (edge.v % kPageblockFrames == 0 || edge == node.spanned.start || edge == node.spanned.end) {
    return;
  }
  const Pfn pageblock = align_down(edge, kPageblockFrames);
  if (node.blocks.at(pageblock).shared()) return;
  describe(node, pageblock);
  node.blocks.set(pageblock, Pageblock{PageblockState::Described, Migratetype::Movable, true});
}

// kernelcore=mirror: where two zones have one span, each range of either kind has such edges.
void PageAllocatorCore::share_mirror_edges() {
  for (const ActiveRange& range : layout_->active) {
    const NodeLayout& node = layout_->nodes[range.node];
    const PfnRange& movable = node.zones[static_cast<size_t>(ZoneType::Movable)].spanned;
    if (!range.mirror || !range.pfns.overlaps(movable)) continue;
    share_edge(*nodes_[range.node], range.pfns.start, range.pfns.start);
    share_edge(*nodes_[range.node], range.pfns.end, range.pfns.end - 1);
  }
}

void PageAllocatorCore::build_zonelist(Node& node, const NodeLayout& from) {
  unsigned count = 0;
  for (unsigned i = 0; i < from.fallback_count; ++i) {
    Node& other = *nodes_[from.fallback[i]];
    for (size_t type = kZoneTypes; type-- > 0;) {
      if (other.zones[type].populated) node.zonelist[count++] = &other.zones[type];
    }
  }
  node.zonelist_count = static_cast<uint16_t>(count);
  for (size_t highest = 0; highest < kZoneTypes; ++highest) {
    node.preferred[highest] = nullptr;
    for (Zone* zone : node.fallback_zones()) {
      if (static_cast<size_t>(zone->type) > highest) continue;
      node.preferred[highest] = zone;
      break;
    }
  }
}

void PageAllocatorCore::find_choices(Node& node) const {
  for (size_t bits = 0; bits < kChoices; ++bits) {
    const uint8_t highest = kGfpZones[bits];
    Zone* const zone = highest == kNoGfpZone ? nullptr : node.preferred[highest];
    const bool own = zone != nullptr && zone->node == &node;
    node.choices[bits] = {own ? zone : &node.zones[0], own ? 0 : kNoChoice};
  }
  node.own_frames = node.present != 0 ? node.mem_map_frames : 0;
  const PfnRange described{node.mem_map_start, node.mem_map_start + node.mem_map_frames};
  for (size_t id = 0; id < node_count_; ++id) {
    const Node& other = *nodes_[id];
    if (&other != &node && other.spanned.overlaps(described)) node.own_frames = 0;
  }
}

void PageAllocatorCore::index_nodes() {
  Pfn end;
  for (const ActiveRange& range : layout_->active) end = std::max(end, range.pfns.end);
  const auto bits = static_cast<unsigned>(std::bit_width(end.v == 0 ? 0 : end.v - 1));
  node_index_shift_ = std::max(kPageblockOrder, bits > 12 ? bits - 12 : 0);
  fill(node_index_, 0, kNodeIndexSize, kNobody);
  for (const ActiveRange& range : layout_->active) {
    const uint64_t first = range.pfns.start.v >> node_index_shift_;
    const uint64_t last = (range.pfns.end.v - 1) >> node_index_shift_;
    const auto id = static_cast<uint8_t>(range.node);
    // Only at its ends can a range share a part with another.
    for (const uint64_t end_part : {first, last}) {
      uint8_t& index = node_index_[end_part];
      index = index == kNobody || index == id ? id : kSeveral;
    }
    fill(node_index_, first + 1, last, id);
  }
}

void PageAllocatorCore::print_zonelists(const Printer& out) const {
  uint64_t present = 0;
  ZoneType policy = ZoneType::Dma;
  unsigned with_memory = 0;
  for_each_zone([&](const Zone& zone) {
    present += zone.present;
    if (zone.type != ZoneType::Movable) policy = std::max(policy, zone.type);
  });
  for (const NodeLayout& node : layout_->nodes) with_memory += node.fallback_count != 0;
  // Grouping by mobility is pointless when there is not a pageblock for each type.
  const bool grouping = present >= kPageblockFrames * kMigratetypes;
  out.line("Built %u zonelists, mobility grouping %s.  Total pages: %lu", with_memory,
           grouping ? "on" : "off", present);
  if (node_count_ > 1) out.line("Policy zone: %s", zone_name(policy));
}

Result<> PageAllocatorCore::start_cpu_core(unsigned cpu, NodeId node) {
  if (node >= node_count_) {
    return Error{.what = "no such node (CPU, node)", .subject = "start_cpu", .a = cpu, .b = node};
  }
  if (cpu >= cpus_) {
    return Error{.what = "there is no area for this CPU (CPU, CPUs)",
                 .subject = "start_cpu",
                 .a = cpu,
                 .b = cpus_};
  }
  if (cpu_header(cpu).online != 0) {
    return Error{.what = "the CPU has been started before", .subject = "start_cpu", .a = cpu};
  }
  CpuHeader& header = cpu_header(cpu);
  header.node = nodes_[node];
  header.node_id = node;
  header.fault = {};
  init_pcps(cpu);
  header.online = 1;
  if (pagesets_ready_) compute_pcp_limits();
  return {};
}

void PageAllocatorCore::init_pcps(unsigned cpu) {
  for_each_zone([&](const Zone& zone) {
    Pcp& pcp = pcp_of(cpu, zone);
    pcp.zone = &nodes_[zone.node_id]->zones[static_cast<size_t>(zone.type)];
    pcp.room = 0;
    pcp.high = 0;
    pcp.batch = 1;
    pcp.huge_room = 0;
    pcp.huge_high = 0;
    pcp.free_factor = 0;
    for (HotList& list : pcp.lists) list = {kNoFrame, kNoFrame};
    pcp.events = {};
  });
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

namespace {

// The first frame of the range at which a block starts or a run's block lies; its end when none
// does.
Pfn first_head(const Node& node, PfnRange frames) {
  const PageblockMap& blocks = node.blocks;
  for (Pfn pfn = frames.start; pfn < frames.end;) {
    if (blocks.in_run(pfn)) return pfn;
    const Pfn giga = align_down(pfn, kGigaFrames);
    const Pfn stop = std::min(giga + kGigaFrames, frames.end);
    if (blocks.fresh_giga(pfn)) {
      const uint64_t left = (frames.end - giga + kGigaFrames - 1) / kGigaFrames;
      pfn = giga + blocks.fresh_gigas(pfn, left) * kGigaFrames;
      continue;
    }
    const Pfn block = align_down(pfn, kPageblockFrames);
    const uint64_t left = (stop - block + kPageblockFrames - 1) / kPageblockFrames;
    if (const uint64_t untouched = blocks.untouched_blocks(block, left); untouched != 0) {
      pfn = block + untouched * kPageblockFrames;
      continue;
    }
    const Pfn end = std::min(block + kPageblockFrames, frames.end);
    if (blocks.at(pfn).state() == PageblockState::HeadValid) {
      if (pfn == block && node.page(pfn).tag() != Tag{}) return pfn;
      pfn = end;
      continue;
    }
    const Page* const pages = &node.page(pfn);
    const uint64_t count = end - pfn;
    uint64_t i = 0;
    for (; i + 8 <= count; i += 8) {
      uint32_t any = 0;
#pragma GCC unroll 8
      for (uint64_t j = 0; j < 8; ++j) any |= pages[i + j].tag().word();
      if (any != 0) break;
    }
    for (; i < count; ++i) {
      if (pages[i].tag() != Tag{}) return pfn + i;
    }
    pfn = end;
  }
  return frames.end;
}

}  // namespace

Result<> PageAllocatorCore::check_release(PfnRange frames) const {
  const auto bad = [](const char* what, Pfn pfn, uint64_t other) {
    return Error{.what = what, .subject = "release", .a = phys(pfn).v, .b = other};
  };
  if (frames.empty()) return bad("an empty range of frames", frames.start, phys(frames.end).v);
  for (Pfn at = frames.start; at < frames.end;) {
    PfnRange part;
    const Zone* zone = is_ram(at) ? zone_part({at, frames.end}, part) : nullptr;
    if (zone == nullptr) return bad("a frame that is no RAM of any zone", at, 0);
    const Node& node = *zone->node;
    const BlockAt block = find_block(node, at);
    if (block.tag.state() != BlockState::None) {
      return bad("a frame that has been handed over before (frame, block)", at, phys(block.pfn).v);
    }
    // Any other block that has frames in here starts in here.
    const Pfn head = first_head(node, {at, part.end});
    if (head < part.end) {
      return bad("a frame that has been handed over before (frame, block)", head, phys(head).v);
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
  const Zone& zone = nodes_[node]->zones[static_cast<size_t>(type)];
  ZoneCounts counts;
  counts.spanned = zone.spanned.size();
  counts.present = zone.present;
  counts.managed = zone.managed;
  counts.isolated = zone.isolated_pages;
  counts.free = __atomic_load_n(&zone.free_pages, __ATOMIC_RELAXED) + zone.isolated_pages;
  if (!zone.populated) return counts;
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
  for (size_t type = 0; type < kZoneTypes; ++type) {
    counts += zone_counts(node, static_cast<ZoneType>(type));
  }
  return counts;
}

ZoneCounts PageAllocatorCore::counts() const {
  ZoneCounts counts;
  for (unsigned id = 0; id < node_count_; ++id) counts += node_counts(static_cast<NodeId>(id));
  return counts;
}

NumaEvents PageAllocatorCore::zone_events(NodeId node, ZoneType type) const {
  const Zone& zone = nodes_[node]->zones[static_cast<size_t>(type)];
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
  for (size_t type = 0; type < kZoneTypes; ++type) {
    sum += zone_events(node, static_cast<ZoneType>(type));
  }
  return sum;
}

FrameOwner PageAllocatorCore::owner_of(Pfn pfn) const {
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
  const Page& page = node->page(block.pfn);
  if (block.tag.state() == BlockState::Allocated) {
    owner.use = FrameUse::Allocated;
    owner.references = page.count;
  } else {
    owner.use = FrameUse::OnCpuList;
    for_each_cpu_block([&](const FreeBlock& found, unsigned cpu) {
      if (found.pfn == block.pfn) owner.cpu = cpu;
    });
  }
  return owner;
}

// What is wrong with freeing (pfn, order). Looks without a lock: what it reports is what it saw.
Error PageAllocatorCore::diagnose(Pfn pfn, unsigned order) const {
  const auto wrong = [&](const char* what, uint64_t b = 0) {
    return Error{.what = what, .subject = "free_pages", .a = phys(pfn).v, .b = b};
  };
  if (order > kMaxOrder) return wrong("free of an order above the highest (address, order)", order);
  if (pfn.v % frames_of(order) != 0) {
    return wrong("free of a block that is not aligned to its order (address, order)", order);
  }
  const FrameOwner owner = owner_of(pfn);
  switch (owner.use) {
    case FrameUse::NoNode:
      return wrong("free of a frame out of range: no node has it (address)");
    case FrameUse::Hole:
      return wrong("free of a frame in a hole: no RAM is there (address)");
    case FrameUse::Reserved:
      return wrong("free of a reserved frame: it was never handed over (address)");
    case FrameUse::Free:
      return owner.block == pfn
                 ? wrong("double free: the block is free already (address, its order)", owner.order)
                 : wrong(
                       "free of a frame that is free or was never allocated (address, free block)",
                       phys(owner.block).v);
    case FrameUse::OnCpuList:
      return wrong("double free: the block is on a CPU's list (address, CPU)", owner.cpu);
    case FrameUse::Allocated:
      if (owner.block != pfn) {
        return wrong("free inside an allocated block, not of its first frame (address, block)",
                     phys(owner.block).v);
      }
      if (owner.order != order) {
        return wrong("free of a wrong order (address, the block's order)", owner.order);
      }
      return wrong("free of a block whose last reference is gone (address, references)",
                   owner.references);
  }
  return wrong("free of a frame in an unknown state (address)");
}

const Error* PageAllocatorCore::fault(unsigned cpu, Pfn pfn, unsigned order) const {
  Error& error = cpu_header(cpu).fault;
  error = diagnose(pfn, order);
  return &error;
}

Page* PageAllocatorCore::allocated_page(Pfn pfn) const {
  Node* const node = quick_node(pfn);
  if (node == nullptr || !node->describes(pfn) || !node->blocks.at(pfn).readable(pfn.v)) {
    return nullptr;
  }
  Page& page = node->page(pfn);
  return page.tag().state() == BlockState::Allocated ? &page : nullptr;
}

Zone& PageAllocatorCore::zone_of_allocated(Pfn pfn) const {
  Node& node = *quick_node(pfn);
  return node.zones[static_cast<size_t>(node.page(pfn).tag().zone())];
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
  const auto bad = [&](const char* what, Pfn pfn) {
    return Error{.what = what, .subject = caller, .a = phys(pfn).v, .b = phys(frames.end).v};
  };
  if (frames.empty() || frames.start.v % kPageblockFrames != 0 ||
      frames.end.v % kPageblockFrames != 0) {
    return bad("not a range of whole pageblocks (address, end)", frames.start);
  }
  for (size_t id = 0; id < node_count_; ++id) {
    for (Zone& zone : nodes_[id]->zones) {
      if (!zone.populated) continue;
      const PfnRange outer{align_down(zone.spanned.start, kPageblockFrames),
                           align_up(zone.spanned.end, kPageblockFrames)};
      if (!outer.contains(frames)) continue;
      for (Pfn pfn = frames.start; pfn < frames.end; pfn += kPageblockFrames) {
        if (nodes_[id]->blocks.at(pfn).shared()) return bad("a pageblock of two zones", pfn);
      }
      if (quick_node(frames.start) == nodes_[id] && !has_frames_of_other(zone, frames)) {
        return &zone;
      }
    }
  }
  return bad("not a range of one zone (address, end)", frames.start);
}

}  // namespace mm
