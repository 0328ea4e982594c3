#include "mm/placement.h"

#include <algorithm>

namespace mm {
namespace {

struct Place {
  Range range;
  NodeId node = kNoNode;
};

// The highest free place in RAM of the node (of any node: kNoNode) inside the bounds; in mirrored
// RAM only, when so asked.
bool find_top(Place& place, uint64_t size, uint64_t align, NodeId node, bool mirror, Range bounds,
              std::span<const ActiveRange> active, const E820Table& e820,
              const EarlyRes& reservations) {
  const std::span<const ActiveRange> within = active_within(active, pfns_touched(bounds));
  for (size_t i = within.size(); i > 0; --i) {
    const ActiveRange& range = within[i - 1];
    if ((node != kNoNode && range.node != node) || (mirror && !range.mirror)) continue;
    const Range inside = phys(range.pfns).clip(bounds);
    if (inside.empty() || inside.size() < size) continue;
    const Result<Phys> found = find_e820_area_top(e820, reservations, inside, size, align);
    if (!found.ok()) continue;
    place = {{found.value(), found.value() + size}, range.node};
    return true;
  }
  return false;
}

class Placer {
 public:
  Placer(const NodeLayout& node, std::span<const ActiveRange> active, const E820Table& e820,
         const EarlyRes& reservations, Pfn dma_end, Phys limit, const Printer& out)
      : node_(node),
        active_(active),
        any_mirrored_(std::any_of(active.begin(), active.end(),
                                  [](const ActiveRange& range) { return range.mirror; })),
        e820_(e820),
        reservations_(reservations),
        dma_end_(dma_end),
        limit_(limit),
        out_(out) {}

  [[nodiscard]] Result<Place> find(uint64_t size, uint64_t align, const char* name) const {
    const Range above{phys(dma_end_), limit_};
    const Range below{Phys{0}, std::min(phys(dma_end_), limit_)};
    Place place;
    // With kernelcore=mirror what the kernel needs goes into mirrored memory, on whatever node.
    for (const bool mirror : {true, false}) {
      if (mirror && !any_mirrored_) continue;
      const auto found_in = [&](NodeId node, Range bounds) {
        return find_top(place, size, align, node, mirror, bounds, active_, e820_, reservations_);
      };
      const Range own = phys(node_.spanned);
      if (found_in(node_.id, above.clip(own)) || found_in(node_.id, below.clip(own)) ||
          found_in(kNoNode, above) || found_in(kNoNode, below)) {
        return place;
      }
      if (mirror) out_.line("Could not allocate 0x{:016x} bytes of mirrored memory", size);
    }
    return Error{"no room for a node's structure (bytes {}, node {})", name, size, node_.id};
  }

 private:
  const NodeLayout& node_;
  std::span<const ActiveRange> active_;
  bool any_mirrored_;
  const E820Table& e820_;
  const EarlyRes& reservations_;
  Pfn dma_end_;
  Phys limit_;
  const Printer& out_;
};

bool spans_absent_sections(const NodeLayout& node, std::span<const ActiveRange> active) {
  Pfn end = mem_map_frames(node).start;
  for (const ActiveRange& range : active_within(active, node.spanned)) {
    if (range.node != node.id) continue;
    if (align_down(range.pfns.start, kPagesPerSection) > end) return true;
    end = align_up(range.pfns.end, kPagesPerSection);
  }
  return false;
}

// Reserves the part of mem_map for each run of sections with RAM.
Result<> reserve_mem_map(const NodeLayout& node, uint64_t page_bytes,
                         std::span<const ActiveRange> active, EarlyRes& reservations) {
  PfnRange run;
  const auto reserve = [&]() -> Result<> {
    if (run.empty()) return {};
    const Phys start = node.mem_map.start + (run.start - node.mem_map_start) * page_bytes;
    return reservations.reserve({start, start + run.size() * page_bytes}, "MEMMAP");
  };
  for (const ActiveRange& range : active_within(active, node.spanned)) {
    if (range.node != node.id) continue;
    const PfnRange sections{align_down(range.pfns.start, kPagesPerSection),
                            align_up(range.pfns.end, kPagesPerSection)};
    if (!run.empty() && sections.start <= run.end) {
      run.end = sections.end;
      continue;
    }
    BATON_TRY(reserve());
    run = sections;
  }
  return reserve();
}

}  // namespace

PfnRange mem_map_frames(const NodeLayout& node) {
  if (node.spanned.empty()) return {};
  return {align_down(node.spanned.start, kPagesPerSection),
          align_up(node.spanned.end, kPagesPerSection)};
}

Result<> place_node(NodeLayout& node, const NodeSizes& sizes, std::span<const ActiveRange> active,
                    const E820Table& e820, EarlyRes& reservations, Pfn dma_end,
                    const Printer& out) {
  const Placer placer(node, active, e820, reservations, dma_end, sizes.below, out);
  if (sizes.node_data != 0) {
    const uint64_t size = align_up(sizes.node_data, kPageSize);
    const Place place = BATON_TRY(placer.find(size, kPageSize, "NODE_DATA"));
    BATON_TRY(reservations.reserve(place.range, "NODE_DATA"));
    node.node_data = place.range;
    if (!node.spanned.empty()) {
      out.line("NODE_DATA({}) allocated {:08x}", node.id, mem(place.range));
      if (place.node != node.id) out.line("    NODE_DATA({}) on node {}", node.id, place.node);
    }
  }
  const PfnRange frames = mem_map_frames(node);
  if (!frames.empty() && sizes.page_bytes != 0) {
    const uint64_t bytes = frames.size() * sizes.page_bytes;
    const Result<Place> place = placer.find(bytes, kPageSize, "MEMMAP");
    if (!place.ok() && spans_absent_sections(node, active)) {
      return Error{"no room for one mem_map over a node's holes (bytes {}, node {})", "MEMMAP",
                   bytes, node.id};
    }
    if (!place.ok()) return place.error();
    node.mem_map = place.value().range;
    node.mem_map_start = frames.start;
    BATON_TRY(reserve_mem_map(node, sizes.page_bytes, active, reservations));
  }
  if (sizes.per_cpu != 0) {
    const Place place = BATON_TRY(placer.find(align_up(sizes.per_cpu, kPageSize),
                                              std::max(sizes.per_cpu_align, kPageSize), "PER_CPU"));
    BATON_TRY(reservations.reserve(place.range, "PER_CPU"));
    node.per_cpu = place.range;
  }
  return {};
}

}  // namespace mm
