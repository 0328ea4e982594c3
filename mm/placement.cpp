#include "mm/placement.h"

#include <algorithm>

#include "mm/page.h"

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

// An array of a node, or of a zone of it: `bytes` for each `unit` of frames.
struct Shape {
  const char* name;  // of its reservations
  PfnRange frames;   // whole units
  uint64_t unit, bytes;

  [[nodiscard]] uint64_t size() const { return frames.size() / unit * bytes; }
};

class ArrayPlacer {
 public:
  ArrayPlacer(const Placer& placer, const NodeLayout& node, std::span<const ActiveRange> active,
              EarlyRes& reservations, const Window& window)
      : placer_(placer),
        node_(node),
        active_(active),
        reservations_(reservations),
        window_(window) {}

  Result<> place(NodeArray& array, const Shape& shape) {
    const uint64_t size = shape.size();
    const Result<Place> stretch = window_.always && window_.exists()
                                      ? Error{"always in pieces", shape.name}
                                      : placer_.find(size, kPageSize, shape.name);
    if (stretch.ok()) {
      array = stretch.value().range;
      return for_each_part(shape, [&](uint64_t offset, uint64_t bytes) {
        return reservations_.reserve({array.start + offset, array.start + offset + bytes},
                                     shape.name);
      });
    }
    uint64_t with_ram = 0;
    BATON_TRY(for_each_part(shape, [&](uint64_t, uint64_t bytes) -> Result<> {
      with_ram += bytes;
      return {};
    }));
    if (!window_.exists()) {
      if (with_ram == size) return stretch.error();
      return Error{"no room for one array over a node's holes (bytes {}, node {})", shape.name,
                   size, node_.id};
    }
    array.size = size;
    array.window = window_.reserve(window_.context, size);
    if (array.window == nullptr) {
      return Error{"no addresses for an array in pieces (bytes {}, node {})", shape.name, size,
                   node_.id};
    }
    return for_each_part(shape, [&](uint64_t offset, uint64_t bytes) {
      return place_pieces(shape, static_cast<std::byte*>(array.window), offset, offset + bytes);
    });
  }

 private:
  // Calls visit(offset, bytes) for each run of units in which the node has RAM. With kernelcore=mirror
  // it may all be another zone's: who looks into a unit makes it ready for all zones that span it.
  template <class Visit>
  Result<> for_each_part(const Shape& shape, Visit visit) const {
    PfnRange run;
    const auto part = [&]() -> Result<> {
      if (run.empty()) return {};
      return visit((run.start - shape.frames.start) / shape.unit * shape.bytes,
                   run.size() / shape.unit * shape.bytes);
    };
    for (const ActiveRange& range : active_within(active_, node_.spanned)) {
      if (range.node != node_.id) continue;
      const PfnRange units =
          PfnRange{align_down(range.pfns.start, shape.unit), align_up(range.pfns.end, shape.unit)}
              .clip(shape.frames);
      if (units.empty()) continue;
      if (!run.empty() && units.start <= run.end) {
        run.end = units.end;
        continue;
      }
      BATON_TRY(part());
      run = units;
    }
    return part();
  }

  // RAM for [offset, end) of a window, in pieces as large as they can be had.
  Result<> place_pieces(const Shape& shape, std::byte* window, uint64_t offset, uint64_t end) {
    constexpr uint64_t kLarge = Window::kLargePiece;
    while (offset < end) {
      uint64_t size = std::min(end - offset, largest_);
      // Up to where a large page can begin, if it comes to that.
      if (offset % kLarge != 0) size = std::min(size, kLarge - offset % kLarge);
      const Result<Place> place =
          placer_.find(size, size < kLarge ? kPageSize : kLarge, shape.name);
      if (!place.ok()) {
        if (size == kPageSize) return place.error();
        largest_ = align_up(size / 2, size > kLarge ? kLarge : kPageSize);
        continue;
      }
      BATON_TRY(reservations_.reserve(place.value().range, shape.name));
      const Window::Tables tables{
          [](void* self) { return static_cast<ArrayPlacer*>(self)->table(); }, this};
      if (!window_.map(window_.context, window + offset, place.value().range, tables)) {
        return Error{"no page for the tables of an array in pieces (bytes {}, node {})", shape.name,
                     size, node_.id};
      }
      offset += size;
    }
    return {};
  }

  Phys table() {
    const Result<Place> place = placer_.find(kPageSize, kPageSize, "PGTABLE");
    if (!place.ok() || !reservations_.reserve(place.value().range, "PGTABLE").ok()) return {};
    return place.value().range.start;
  }

  const Placer& placer_;
  const NodeLayout& node_;
  std::span<const ActiveRange> active_;
  EarlyRes& reservations_;
  const Window& window_;
  uint64_t largest_ = kMaxPhys;  // piece that there may still be room for
};

}  // namespace

PfnRange mem_map_frames(const NodeLayout& node) {
  if (node.spanned.empty()) return {};
  return {align_down(node.spanned.start, kPagesPerSection),
          align_up(node.spanned.end, kPagesPerSection)};
}

Result<> place_node(NodeLayout& node, const NodeSizes& sizes, std::span<const ActiveRange> active,
                    const E820Table& e820, EarlyRes& reservations, Pfn dma_end,
                    const Window& window, const Printer& out) {
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
  ArrayPlacer arrays(placer, node, active, reservations, window);
  if (const PfnRange frames = mem_map_frames(node); !frames.empty() && sizes.page_bytes != 0) {
    BATON_TRY(arrays.place(
        node.mem_map, {"MEMMAP", frames, kPagesPerSection, kPagesPerSection * sizes.page_bytes}));
    node.mem_map_start = frames.start;
  }
  const auto by_giga = [](PfnRange frames, uint64_t bytes) {
    return Shape{"NODE_DATA", whole_gigas(frames), kGigaFrames, bytes};
  };
  if (node.present != 0 && sizes.heads != 0) {
    BATON_TRY(arrays.place(node.heads, by_giga(node.spanned, sizes.heads)));
  }
  for (const ZoneType type : kAllZones) {
    ZoneLayout& zone = node.zones[type];
    if (zone.present == 0 || sizes.pageblocks == 0) continue;
    BATON_TRY(arrays.place(zone.pageblocks, by_giga(zone.spanned, sizes.pageblocks)));
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
