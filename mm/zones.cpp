#include "mm/zones.h"

#include <algorithm>

#include "mm/size_text.h"

namespace mm {
namespace {

// Linux's MAX_ORDER_NR_PAGES in 6.1: 4 MiB, what movable zones are aligned to.
constexpr uint64_t kMovableAlign = 1024;

constexpr uint64_t round_up(uint64_t v, uint64_t to) { return (v + to - 1) / to * to; }

// kernelcore= and movablecore= are spread over the nodes; this is where each node's part ends.
class MovableStarts {
 public:
  // The spans of `nodes` are known.
  MovableStarts(const NumaMap& map, std::span<NodeLayout> nodes)
      : active_(map.active), with_memory_(map.with_memory.count()), nodes_(nodes) {
    for (const ActiveRange& range : active_) total_ += range.pfns.size();
  }

  // movable_node: from each node's first hot-pluggable frame on.
  void at_hotplug() {
    for (const ActiveRange& range : active_) {
      Pfn& start = nodes_[range.node].movable_start;
      if (range.hotplug && start == Pfn{}) start = range.pfns.start;
    }
    align();
  }

  // kernelcore=mirror: from each node's first frame on that is not mirrored; below 4 GiB the kernel
  // needs all there is. Whether any of that is not mirrored.
  bool at_unmirrored() {
    constexpr Pfn kFourGiB = pfn_down(Phys{4 * kGiB});
    bool below = false;
    for (const ActiveRange& range : active_) {
      if (range.mirror) continue;
      if (range.pfns.start < kFourGiB) {
        below = true;
      } else if (Pfn& start = nodes_[range.node].movable_start; start == Pfn{}) {
        start = range.pfns.start;
      }
    }
    align();
    return below;
  }

  void spread(const MovableOptions& options, Pfn lowest) {
    uint64_t kernel = amount(options.kernelcore);
    uint64_t movable = amount(options.movablecore);
    if (movable != 0) {
      movable = std::min(total_, round_up(movable, kMovableAlign));
      kernel = std::max(kernel, total_ - movable);
    }
    if (kernel == 0 || kernel >= total_) return;
    // A node with less than its share leaves the rest to the others: one node less a round.
    for (unsigned nodes = with_memory_; nodes > 0; --nodes) {
      round(kernel, nodes, lowest);
      if (kernel <= nodes - 1) break;
    }
    align();
  }

 private:
  [[nodiscard]] uint64_t amount(CoreAmount core) const {
    return core.percent != 0 ? total_ * 100 * core.percent / 10000 : core.frames;
  }

  void round(uint64_t& kernel, unsigned nodes, Pfn lowest) {
    uint64_t share = kernel / nodes;
    for (NodeLayout& node : nodes_) {
      if (node.spanned.empty()) continue;
      if (kernel < share) share = kernel / nodes;
      uint64_t remaining = share;
      for (const ActiveRange& range : active_within(active_, node.spanned)) {
        if (range.node != node.id) continue;
        Pfn start = std::max(range.pfns.start, node.movable_start);
        const Pfn end = range.pfns.end;
        if (start >= end) continue;
        if (start < lowest) {
          const uint64_t below = std::min(end, lowest) - start;
          remaining -= std::min(below, remaining);
          kernel -= std::min(below, kernel);
          if (end <= lowest) {
            node.movable_start = end;
            continue;
          }
          start = lowest;
        }
        const uint64_t taken = std::min(end - start, remaining);
        node.movable_start = start + taken;
        kernel -= std::min(kernel, taken);
        remaining -= taken;
        if (remaining == 0) break;
      }
    }
  }

  void align() {
    for (NodeLayout& node : nodes_) {
      Pfn& start = node.movable_start;
      start = Pfn{round_up(start.v, kMovableAlign)};
      if (start >= node.spanned.end) start = Pfn{};
    }
  }

  std::span<const ActiveRange> active_;
  unsigned with_memory_;
  std::span<NodeLayout> nodes_;
  uint64_t total_ = 0;
};

// The part of the machine's zone that is this node's, before holes are looked at. With
// kernelcore=mirror a node's zones go on beside Movable; one that begins with it or behind is
// there only where the node has mirrored frames.
PfnRange zone_of_node(const ZoneRanges& ranges, ZoneType zone, const NodeLayout& node,
                      PfnRange highest, bool mirror, bool mirrored_above) {
  const Pfn movable = node.movable_start;
  if (zone == ZoneType::Movable) {
    if (movable == Pfn{}) return {};
    return PfnRange{movable, std::min(node.spanned.end, highest.end)};
  }
  PfnRange range = ranges.zones[zone].clip(node.spanned);
  const bool beside = mirror && (mirrored_above || range.start < movable);
  if (movable != Pfn{} && !beside) range.end = std::min(range.end, movable);
  return range.empty() ? PfnRange{} : range;
}

uint64_t present_in(std::span<const ActiveRange> active, const NodeLayout& node, ZoneType zone) {
  const PfnRange span = node.zones[zone].spanned;
  if (span.empty()) return 0;
  uint64_t frames = 0;
  for (size_t i = first_active_ending_after(active, span.start);
       i < active.size() && active[i].pfns.start < span.end; ++i) {
    if (active[i].node == node.id) frames += frames_of_zone(node, zone, active[i]).size();
  }
  return frames;
}

// Whether the node has mirrored frames where its Movable zone is.
bool mirrored_from(std::span<const ActiveRange> active, const NodeLayout& node) {
  if (node.movable_start == Pfn{}) return false;
  const auto own = active_within(active, {node.movable_start, node.spanned.end});
  return std::any_of(own.begin(), own.end(), [&](const ActiveRange& range) {
    return range.node == node.id && range.mirror;
  });
}

void print_range(const Printer& out, PfnRange range) { out.line("{}", mem(range)); }

}  // namespace

Result<CoreAmount> parse_core_amount(std::string_view value, const char* who) {
  std::string_view percent = value;
  const uint64_t number = BATON_TRY(take_number(percent, who));
  if (percent == "%") {
    if (number > 100) return Error{"more than all of memory (percent {})", who, number};
    return CoreAmount{.percent = static_cast<unsigned>(number)};
  }
  const uint64_t bytes = BATON_TRY(take_size(value, who));
  if (!value.empty()) {
    return Error{"what follows is not understood (characters left {})", who, value.size()};
  }
  return CoreAmount{.frames = bytes / kPageSize};
}

Result<ZoneRanges> free_area_init_nodes(const NumaMap& map, const ZoneLimits& limits,
                                        Pfn end_of_ram, const MovableOptions& options,
                                        std::span<NodeLayout> nodes) {
  if (nodes.size() != map.node_count()) {
    return Error{"not one layout for each node (layouts {}, nodes {})", "zones", nodes.size(),
                 map.node_count()};
  }
  const bool mirror = options.mirror && !options.movable_node;
  for (const ActiveRange& range : map.active) {
    if (mirror || !range.mirror) continue;
    return Error{"a range is mirrored and nothing asks for that (frame {:#x}, node {})", "zones",
                 range.pfns.start.v, range.node};
  }
  ZoneRanges ranges;
  ranges.platform = limits.zones;
  Pfn start = map.active.empty() ? Pfn{} : map.active.front().pfns.start;
  PfnRange highest;
  for (const ZoneType z : kAllZones) {
    if (!limits.zones.has[z] || traits(z).end != ZoneEnd::Platform) continue;
    const Pfn end = std::max(std::min(limits.end[z], end_of_ram), start);
    ranges.zones[z] = {start, end};
    if (start < end) highest = ranges.zones[z];
    start = end;
  }

  for (size_t id = 0; id < nodes.size(); ++id) {
    nodes[id] = NodeLayout{};
    nodes[id].id = static_cast<NodeId>(id);
  }
  for (const ActiveRange& range : map.active) {
    NodeLayout& node = nodes[range.node];
    if (node.spanned.empty()) node.spanned = range.pfns;
    node.spanned.end = range.pfns.end;
    node.present += range.pfns.size();
  }

  MovableStarts movable(map, nodes);
  if (options.movable_node) {
    movable.at_hotplug();
  } else if (mirror) {
    ranges.unmirrored_core = movable.at_unmirrored();
  } else {
    movable.spread(options, highest.start);
  }
  for (NodeLayout& node : nodes) {
    if (node.spanned.empty()) continue;
    const bool mirrored_above = mirror && mirrored_from(map.active, node);
    for (const ZoneType z : kAllZones) {
      node.zones[z].spanned = zone_of_node(ranges, z, node, highest, mirror, mirrored_above);
    }
    for (const ZoneType z : kAllZones) {
      node.zones[z].present = present_in(map.active, node, z);
    }
  }
  return ranges;
}

void print_zones(const NumaMap& map, const ZoneRanges& ranges, std::span<const NodeLayout> nodes,
                 const Printer& out) {
  if (ranges.unmirrored_core) {
    out.line("This configuration results in unmirrored kernel memory.");
  }
  out.line("Zone ranges:");
  for (const ZoneType z : kAllZones) {
    if (!ranges.platform.has[z] || traits(z).end != ZoneEnd::Platform) continue;
    out.part("  {:8} ", z);
    if (ranges.zones[z].empty()) {
      out.line("empty");
    } else {
      print_range(out, ranges.zones[z]);
    }
  }
  if (ranges.platform.device) out.line("  {:8} empty", "Device");

  out.line("Movable zone start for each node");
  for (const NodeLayout& node : nodes) {
    if (node.movable_start == Pfn{}) continue;
    out.line("  Node {}: 0x{:016x}", node.id, phys(node.movable_start));
  }

  out.line("Early memory node ranges");
  for (const ActiveRange& range : map.active) {
    out.part("  node {:3}: ", range.node);
    print_range(out, range.pfns);
  }

  for (const NodeLayout& node : nodes) {
    if (!node.spanned.empty()) {
      out.part("Initmem setup node {} ", node.id);
      print_range(out, node.spanned);
    } else if (map.possible.has(node.id)) {
      out.line("Initializing node {} as memoryless", node.id);
      out.line("Initmem setup node {} as memoryless", node.id);
    }
  }

  for_each_unavailable(map.active, nodes, [&](NodeId node, ZoneType zone, uint64_t frames) {
    out.line("On node {}, zone {}: {} pages in unavailable ranges", node, zone, frames);
  });
}

bool pfn_valid(std::span<const ActiveRange> active, Pfn frame) {
  const PfnRange section{align_down(frame, kPagesPerSection), end_of_part(frame, kPagesPerSection)};
  const size_t i = first_active_ending_after(active, section.start);
  return i < active.size() && active[i].pfns.start < section.end;
}

uint64_t valid_frames_in_hole(std::span<const ActiveRange> active, PfnRange hole) {
  if (hole.empty()) return 0;
  // Between the hole's first and last section there is no RAM, so only these two can be valid.
  const Pfn first_end = align_up(hole.start + 1, kPagesPerSection);
  if (hole.end <= first_end) return pfn_valid(active, hole.start) ? hole.size() : 0;
  const Pfn last_start = align_down(hole.end - 1, kPagesPerSection);
  uint64_t frames = 0;
  if (pfn_valid(active, hole.start)) frames += first_end - hole.start;
  if (pfn_valid(active, last_start)) frames += hole.end - last_start;
  return frames;
}

}  // namespace mm
