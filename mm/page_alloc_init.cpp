// The page allocator's own structures, made from a Layout: nodes, zones, zonelists, CPUs' areas.
#include <algorithm>
#include <bit>

#include "mm/page_alloc.h"
#include "mm/placement.h"

namespace mm {
namespace {

// The shape of a node's NODE_DATA.
struct NodeDataShape {
  uint64_t zonelist;  // offset of the zonelist
  uint64_t blocks;    // of the pageblock map
  uint64_t regions;   // of the zones' GiBs, and of what finds pageblocks
  uint64_t size;
};

// A zone's part of that: its GiBs, then the marks of both.
uint64_t gigas_size(const ZoneLayout& zone) {
  return Regions::groups(zone.spanned, kPageblockOrder) *
         Regions::group_bytes(kPageblockOrder, kGigaKinds);
}
uint64_t gigas_marks_size(const ZoneLayout& zone) {
  return Regions::marks_bytes(zone.spanned, kPageblockOrder, kGigaKinds);
}
uint64_t regions_size(const ZoneLayout& zone) {
  if (zone.present == 0) return 0;
  return align_up(gigas_size(zone) + gigas_marks_size(zone) +
                      Regions::marks_bytes(zone.spanned, 0, kPageblockKinds),
                  64);
}

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
  shape.regions = align_up(shape.blocks + PageblockMap::bytes_needed(node.spanned), 64);
  shape.size = shape.regions;
  for (const ZoneLayout& zone : node.zones) shape.size += regions_size(zone);
  shape.size = align_up(shape.size, kPageSize);
  return shape;
}

// A word at a time.
void fill(uint16_t* at, const uint16_t* end, uint16_t value) {
  const uint64_t word = value * uint64_t{0x0001'0001'0001'0001};
  for (auto words = (end - at) / 4; words > 0; --words, at += 4) {
    __builtin_memcpy(at, &word, sizeof(word));
  }
  for (; at < end; ++at) *at = value;
}

// A node's Pcps lie side by side, so that a zone's is found by the zone's number; after a header.
constexpr uint64_t kCpuHeaderSize = 256;
uint64_t cpu_area_size(const Layout& layout) {
  uint64_t nodes = 0;
  for (const NodeLayout& node : layout.nodes) nodes += node.present != 0;
  return kCpuHeaderSize + nodes * kZoneTypes * sizeof(Pcp);
}

NodeId area_node(const Layout& layout, unsigned cpu) {
  return cpu < layout.cpu_nodes.size() ? layout.cpu_nodes[cpu] : NodeId{0};
}

// Node 0's area begins with node_index_ and the table of all CPUs' headers.
uint64_t first_area(unsigned cpus, NodeId node) {
  return node == 0 ? kPageSize + align_up(cpus * sizeof(void*), alignof(Pcp)) : 0;
}

}  // namespace

uint64_t node_data_size(const Layout& layout, NodeId node) {
  return shape_of(populated_zones(layout), layout.nodes[node]).size;
}

uint64_t heads_bytes() { return PageblockMap::kBytesPerGiga * sizeof(Page); }

uint64_t pageblocks_bytes() { return Regions::group_bytes(0, kPageblockKinds); }

uint64_t per_cpu_size(const Layout& layout, unsigned cpus, NodeId node) {
  uint64_t size = first_area(cpus, node);
  for (unsigned cpu = 0; cpu < cpus; ++cpu) {
    if (area_node(layout, cpu) == node) size += cpu_area_size(layout);
  }
  return align_up(size, kPageSize);
}

Result<> PageAllocatorCore::check_layout(const Layout& layout, unsigned cpus) const {
  if (layout.nodes.empty() || layout.nodes.size() > kMaxNodes) {
    return Error{.what = "the number of nodes is none or above the highest (nodes {}, highest {})",
                 .subject = "layout",
                 .a = layout.nodes.size(),
                 .b = kMaxNodes};
  }
  if (cpus == 0) return Error{.what = "a machine has one CPU at least", .subject = "layout"};
  for (const NodeId node : layout.cpu_nodes) {
    if (node < layout.nodes.size()) continue;
    return Error{.what = "a CPU is on a node that there is not (node {}, nodes {})",
                 .subject = "layout",
                 .a = node,
                 .b = layout.nodes.size()};
  }
  const size_t populated = populated_zones(layout);
  for (const NodeLayout& node : layout.nodes) {
    const auto id = static_cast<NodeId>(&node - layout.nodes.data());
    if (node.id != id) {
      return Error{.what = "a node is not at its own index (id {}, index {})",
                   .subject = "layout",
                   .a = node.id,
                   .b = id};
    }
    if (node.node_data.size() < shape_of(populated, node).size) {
      return Error{.what = "NODE_DATA is too small (node {}, bytes needed {})",
                   .subject = "layout",
                   .a = id,
                   .b = node_data_size(layout, id)};
    }
    if (const uint64_t needed = per_cpu_size(layout, cpus, id); node.per_cpu.size() < needed) {
      return Error{.what = "the per-CPU area is too small (bytes {}, needed {})",
                   .subject = "layout",
                   .a = node.per_cpu.size(),
                   .b = needed};
    }
    if (node.present == 0) continue;
    const uint64_t frames = node.mem_map.size / sizeof(Page);
    if (node.mem_map_start.v % kPageblockFrames != 0 || frames % kPageblockFrames != 0 ||
        node.mem_map_start > node.spanned.start || node.mem_map_start + frames < node.spanned.end ||
        frames > mem_map_frames(node).size()) {
      return Error{
          .what = "mem_map is not the node's sections, in whole pageblocks (node {}, frames {})",
          .subject = "layout",
          .a = id,
          .b = frames};
    }
    uint64_t needed = PageblockMap::heads_needed(node.spanned) * sizeof(Page);
    uint64_t has = node.heads.size;
    for (const ZoneLayout& zone : node.zones) {
      if (zone.present == 0 || has < needed) continue;
      needed = Regions::groups(zone.spanned, 0) * pageblocks_bytes();
      has = zone.pageblocks.size;
    }
    if (has < needed) {
      return Error{.what = "an array for each GiB is too small (node {}, bytes needed {})",
                   .subject = "layout",
                   .a = id,
                   .b = needed};
    }
    Pfn below = node.spanned.start;
    for (const ZoneType type : kAllZones) {
      const ZoneLayout& zone = node.zones[type];
      if (zone.present == 0) continue;
      // Movable may lie inside another zone; see frames_of_zone().
      const bool overlaps = zone.spanned.start < below && type != ZoneType::Movable;
      if (overlaps || zone.spanned.start < node.spanned.start ||
          node.spanned.end < zone.spanned.end) {
        return Error{.what = "zones overlap or leave their node (node {}, frame {:#x})",
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
      return Error{
          .what = "an active range is out of order or outside its node (frame {:#x}, node {})",
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
  online_ = 0;

  node_index_ = map.at<uint16_t>(layout.nodes[0].per_cpu.start);
  cpu_headers_ = reinterpret_cast<CpuHeader**>(node_index_ + kNodeIndexSize);  // NOLINT: placed
  static_assert(sizeof(CpuHeader) <= kCpuHeaderSize);
  static_assert(kNodeIndexSize * sizeof(*node_index_) == kPageSize);
  auto next_pcp = static_cast<uint32_t>(kCpuHeaderSize);
  for (const NodeLayout& node : layout.nodes) init_node(node, next_pcp);
  share_edges();
  for (const NodeLayout& node : layout.nodes) {
    build_zonelist(*nodes_[node.id], node);
    find_choices(*nodes_[node.id]);
  }
  index_nodes();
  place_cpu_areas(next_pcp);
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
  node->mem_map = from.mem_map.at<Page>(map_);
  node->mem_map_start = from.mem_map_start;
  node->mem_map_frames = from.mem_map.size / sizeof(Page);
  node->blocks.init(from.spanned, base + shape.blocks, from.heads.at<Page>(map_), map_.sparing());
  node->zonelist = reinterpret_cast<Zone**>(base + shape.zonelist);  // NOLINT: room for them
  node->cpus = 0;
  node->pcp_offset = next_pcp;
  if (from.present != 0) next_pcp += static_cast<uint32_t>(kZoneTypes * sizeof(Pcp));
  uint8_t* regions = base + shape.regions;
  for (const ZoneType type : kAllZones) {
    init_zone(*node, type, from.zones[type], regions);
    regions += regions_size(from.zones[type]);
  }
}

void PageAllocatorCore::init_zone(Node& node, ZoneType type, const ZoneLayout& from,
                                  uint8_t* regions) const {
  Zone& zone = node.zones[type];
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
  zone.pcp_huge_high = 0;
  zone.stripes = 1;
  zone.free_pages = 0;
  zone.isolated_pages = 0;
  zone.isolated_pageblocks = 0;
  zone.nonempty.fill(0);
  zone.nonempty_giga = 0;
  zone.deferred = kNoDeferred;
  zone.deferred_pages = 0;
  zone.pcp_offset =
      node.pcp_offset + static_cast<uint32_t>(static_cast<size_t>(type) * sizeof(Pcp));
  if (!zone.populated) return;
  uint8_t* const marks = regions + gigas_size(from);
  zone.gigas = Regions(from.spanned, kPageblockOrder, kGigaKinds, regions, marks);
  zone.pageblocks = Regions(from.spanned, 0, kPageblockKinds, from.pageblocks.at<void>(map_),
                            marks + gigas_marks_size(from));
}

// What two zones share at a border is made before two CPUs could make it at once. `inside` is a
// frame next to the edge that the node has.
void PageAllocatorCore::share_edge(Node& node, Pfn edge, Pfn inside) {
  if (edge.v % kGigaFrames == 0) return;
  touch(node, inside);
  if (edge.v % kPageblockFrames == 0 || edge == node.spanned.start || edge == node.spanned.end) {
    return;
  }
  const Pfn pageblock = align_down(edge, kPageblockFrames);
  if (node.blocks.at(pageblock).shared()) return;
  describe(node, pageblock);
  node.blocks.set(pageblock, Pageblock{PageblockState::Described, Migratetype::Movable, true});
}

namespace {

// Whether the node has RAM in the unit of so many frames in which the edge is.
bool has_ram(const Layout& layout, NodeId node, Pfn edge, uint64_t unit) {
  const Pfn start = align_down(edge, unit);
  return std::any_of(layout.active.begin(), layout.active.end(), [&](const ActiveRange& range) {
    return range.node == node && range.pfns.overlaps({start, start + unit});
  });
}

}  // namespace

// The first frame of a zone and the last are enough where zones do not overlap; with
// kernelcore=mirror two zones have one span, and each range of either kind has such edges. Where one
// zone ends and the next begins, as where lowmem ends, the node may have a hole: what would describe
// that is not its memory.
void PageAllocatorCore::share_edges() {
  for (size_t id = 0; id < node_count_; ++id) {
    Node& node = *nodes_[id];
    for (const Zone& zone : node.zones) {
      if (!zone.populated) continue;
      for (const bool last : {false, true}) {
        const Pfn edge = last ? zone.spanned.end : zone.spanned.start;
        const Pfn inside = last ? edge - 1 : edge;
        const bool inner = edge != node.spanned.start && edge != node.spanned.end;
        if (!inner || has_ram(*layout_, node.id, edge, kPageblockFrames)) {
          share_edge(node, edge, inside);
        } else if (edge.v % kGigaFrames != 0 && has_ram(*layout_, node.id, edge, kGigaFrames)) {
          touch(node, inside);
        }
      }
    }
  }
  for (const ActiveRange& range : layout_->active) {
    const NodeLayout& node = layout_->nodes[range.node];
    const PfnRange& movable = node.zones[ZoneType::Movable].spanned;
    if (!range.mirror || !range.pfns.overlaps(movable)) continue;
    share_edge(*nodes_[range.node], range.pfns.start, range.pfns.start);
    share_edge(*nodes_[range.node], range.pfns.end, range.pfns.end - 1);
  }
}

void PageAllocatorCore::build_zonelist(Node& node, const NodeLayout& from) {
  unsigned count = 0;
  for (unsigned i = 0; i < from.fallback_count; ++i) {
    Node& other = *nodes_[from.fallback[i]];
    // NOLINTNEXTLINE(modernize-loop-convert): backwards
    for (auto type = kAllZones.rbegin(); type != kAllZones.rend(); ++type) {
      if (other.zones[*type].populated) node.zonelist[count++] = &other.zones[*type];
    }
  }
  node.zonelist_count = static_cast<uint16_t>(count);
  for (const ZoneType highest : kAllZones) {
    node.preferred[highest] = nullptr;
    for (Zone* zone : node.fallback_zones()) {
      if (zone->type > highest) continue;
      node.preferred[highest] = zone;
      break;
    }
  }
}

void PageAllocatorCore::find_choices(Node& node) const {
  for (size_t bits = 0; bits < kChoices; ++bits) {
    const ZoneType highest = kGfpZones[bits];
    Zone* const zone = highest == kNoGfpZone ? nullptr : node.preferred[highest];
    const bool own = zone != nullptr && zone->node == &node;
    node.choices[bits] = {own ? zone : node.zones.begin(), own ? 0 : kNoChoice};
  }
  node.no_choices = false;
  node.own_frames = node.present != 0 ? std::min<uint64_t>(node.mem_map_frames, kNoFrame) : 0;
  const PfnRange described{node.mem_map_start, node.mem_map_start + node.mem_map_frames};
  for (size_t id = 0; id < node_count_; ++id) {
    const Node& other = *nodes_[id];
    if (&other != &node && other.spanned.overlaps(described)) node.own_frames = 0;
  }
}

// The ways that are short end where they look whether there is plenty, and whose frame it is. So nothing
// is asked in them, and what nobody wants costs nothing.
Result<> PageAllocatorCore::set_contents(const PageContents& contents, const Printer& out,
                                         Presence presence) {
  bool handed_over = false;
  for_each_zone([&](const Zone& zone) { handed_over = handed_over || zone.managed != 0; });
  if (handed_over) {
    return Error{.what = "some memory is the allocator's already", .subject = "page contents"};
  }
  if (contents.absent && presence.set == nullptr) {
    return Error{.what = "nobody takes free frames' addresses away", .subject = "page contents"};
  }
  contents_ = contents;
  when_freed_ = contents.when_freed();
  when_allocated_ = contents.when_allocated();
  presence_ = contents.absent ? presence : Presence{};
  corruption_report_ = out;
  for (size_t id = 0; id < node_count_; ++id) {
    Node& node = *nodes_[id];
    if (contents.when_freed()) node.own_frames = 0;
    if (!contents.when_allocated()) continue;
    node.no_choices = true;
    for (Choice& choice : node.choices) choice.mark = kNoChoice;
  }
  return {};
}

void PageAllocatorCore::index_nodes() {
  Pfn end;
  for (const ActiveRange& range : layout_->active) end = std::max(end, range.pfns.end);
  const auto bits = static_cast<unsigned>(std::bit_width(end.v == 0 ? 0 : end.v - 1));
  node_index_shift_ = std::max(kPageblockOrder, bits > 11 ? bits - 11 : 0);
  fill(node_index_, node_index_ + kNodeIndexSize, kNobody);
  for (const ActiveRange& range : layout_->active) {
    const auto first = static_cast<size_t>(range.pfns.start.v >> node_index_shift_);
    const auto last = static_cast<size_t>((range.pfns.end.v - 1) >> node_index_shift_);
    // Only at its ends can a range share a part with another.
    for (const size_t end_part : {first, last}) {
      uint16_t& index = node_index_[end_part];
      index = index == kNobody || index == range.node ? range.node : kSeveral;
    }
    fill(node_index_ + first + 1, node_index_ + last, range.node);
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
  out.line("Built {} zonelists, mobility grouping {}.  Total pages: {}", with_memory,
           grouping ? "on" : "off", present);
  if (node_count_ > 1) out.line("Policy zone: {}", policy);
}

void PageAllocatorCore::place_cpu_areas(uint64_t size) {
  std::array<uint64_t, kMaxNodes> next;  // NOLINT: only what is counted is read
  for (size_t id = 0; id < node_count_; ++id) next[id] = first_area(cpus_, static_cast<NodeId>(id));
  for (unsigned cpu = 0; cpu < cpus_; ++cpu) {
    const NodeId node = area_node(*layout_, cpu);
    cpu_headers_[cpu] = map_.at<CpuHeader>(layout_->nodes[node].per_cpu.start + next[node]);
    cpu_headers_[cpu]->online = 0;
    next[node] += size;
  }
}

Result<> PageAllocatorCore::start_cpu_core(unsigned cpu, NodeId node) {
  if (node >= node_count_) {
    return Error{
        .what = "no such node (CPU {}, node {})", .subject = "start_cpu", .a = cpu, .b = node};
  }
  if (cpu >= cpus_) {
    return Error{.what = "there is no area for this CPU (CPU {}, CPUs {})",
                 .subject = "start_cpu",
                 .a = cpu,
                 .b = cpus_};
  }
  if (cpu_header(cpu).online != 0) {
    return Error{
        .what = "the CPU has been started before (CPU {})", .subject = "start_cpu", .a = cpu};
  }
  CpuHeader& header = cpu_header(cpu);
  header.node = nodes_[node];
  header.node_id = node;
  header.fault = {};
  init_pcps(cpu);
  header.online = 1;
  ++online_;
  ++nodes_[node]->cpus;
  if (!pagesets_ready_) return {};
  // The others adopt them by and by, so that starting many costs no more than starting each.
  compute_pcp_limits();
  for_each_zone([&](const Zone& zone) { adopt_limits(pcp_of(cpu, zone), zone); });
  return {};
}

void PageAllocatorCore::init_pcps(unsigned cpu) {
  for_each_zone([&](const Zone& zone) {
    Pcp& pcp = pcp_of(cpu, zone);
    pcp.zone = &nodes_[zone.node_id]->zones[zone.type];
    pcp.room = -1;
    pcp.high = 0;
    pcp.batch = 1;
    pcp.huge_room = 0;
    pcp.huge_high = 0;
    pcp.free_factor = 0;
    pcp.fetched = 0;
    pcp.next_fetch = 0;
    pcp.next_huge_fetch = 0;
    pcp.cpu = cpu_header(cpu).node->cpus;
    for (HotList& list : pcp.lists) list = {kNoFrame, kNoFrame};
    pcp.events = {};
  });
}

}  // namespace mm
