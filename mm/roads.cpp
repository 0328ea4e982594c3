#include "mm/roads.h"

#include <algorithm>
#include <new>

#include "mm/bootmem.h"
#include "mm/handover.h"
#include "mm/memblock.h"

namespace mm {
namespace {

// Regions beyond those that there are to begin with: memblock wants some slots free for each call.
constexpr size_t kSpareRegions = 64;

// A reservation cuts a run in two at most, a zone's border too.
size_t most_runs(const Layout& layout, size_t reservations) {
  return layout.active.size() * kZoneTypes + reservations;
}

// Hands out parts of the room, in order, each on pages of its own.
class Room {
 public:
  Room(Range range, const DirectMap& map) : rest_(range), map_(map) {}

  Result<std::span<std::byte>> bytes(uint64_t count) {
    const uint64_t size = align_up(count, kPageSize);
    if (rest_.size() < size) {
      return Error{"too little room to walk both roads (bytes left {}, needed {})", "roads",
                   rest_.size(), size};
    }
    const auto part = map_.span<std::byte>(rest_.start, count);
    rest_.start += size;
    return part;
  }
  template <class T>
  Result<std::span<T>> take(size_t count) {
    const std::span<std::byte> part = BATON_TRY(bytes(count * sizeof(T)));
    T* const first = reinterpret_cast<T*>(part.data());  // NOLINT: pages of their own
    for (size_t i = 0; i < count; ++i) new (first + i) T();
    return std::span<T>(first, count);
  }

 private:
  Range rest_;
  DirectMap map_;
};

class Runs {
 public:
  explicit Runs(std::span<PfnRange> storage) : storage_(storage) {}

  void add(PfnRange run) {
    if (count_ < storage_.size()) storage_[count_] = run;
    ++count_;
  }
  // Ascending; nothing when there were more than there is room for.
  Result<std::span<const PfnRange>> sorted() {
    if (count_ > storage_.size()) {
      return Error{"more runs than a map can have (runs {}, room {})", "roads", count_,
                   storage_.size()};
    }
    const std::span<PfnRange> runs = storage_.first(count_);
    std::sort(runs.begin(), runs.end(),
              [](const PfnRange& a, const PfnRange& b) { return a.start < b.start; });
    return std::span<const PfnRange>(runs);
  }

 private:
  std::span<PfnRange> storage_;
  size_t count_ = 0;
};

Result<> by_bootmem(const Layout& layout, std::span<const Reservation> reservations, Room& room,
                    Runs& runs) {
  const std::span<NodeBootmem> nodes = BATON_TRY(room.take<NodeBootmem>(layout.nodes.size()));
  size_t count = 0;
  for (const NodeLayout& node : layout.nodes) {
    if (node.spanned.empty()) continue;
    const auto bits = BATON_TRY(room.bytes(NodeBootmem::bootmap_bytes(node.spanned)));
    BATON_TRY(nodes[count++].init(node.id, node.spanned, bits));
  }
  Bootmem bootmem(nodes.first(count));
  bootmem.free_active(layout.active);
  for (const Reservation& reservation : reservations) bootmem.reserve(reservation.range);
  free_all_bootmem(bootmem, layout, [&](NodeId, PfnRange run) { runs.add(run); });
  return {};
}

Result<> by_memblock(const Layout& layout, std::span<const Reservation> reservations, Room& room,
                     Runs& runs) {
  const auto memory = BATON_TRY(room.take<MemblockRegion>(layout.active.size() + kSpareRegions));
  const auto taken = BATON_TRY(room.take<MemblockRegion>(reservations.size() + kSpareRegions));
  Memblock memblock(memory, taken);
  BATON_TRY(memblock_from(memblock, layout.active, reservations));
  free_all_memblock(memblock, layout, [&](NodeId, PfnRange run) { runs.add(run); });
  return {};
}

}  // namespace

uint64_t roads_room(const Layout& layout, size_t reservations) {
  const auto pages = [](uint64_t bytes) { return align_up(bytes, kPageSize); };
  uint64_t bytes = 2 * pages(most_runs(layout, reservations) * sizeof(PfnRange)) +
                   pages(layout.nodes.size() * sizeof(NodeBootmem)) +
                   pages((layout.active.size() + kSpareRegions) * sizeof(MemblockRegion)) +
                   pages((reservations + kSpareRegions) * sizeof(MemblockRegion));
  for (const NodeLayout& node : layout.nodes) {
    if (!node.spanned.empty()) bytes += pages(NodeBootmem::bootmap_bytes(node.spanned));
  }
  return bytes;
}

Result<std::span<const PfnRange>> compare_roads(const Layout& layout,
                                                std::span<const Reservation> reservations,
                                                Range room, const DirectMap& map) {
  Room rest(room, map);
  const size_t most = most_runs(layout, reservations.size());
  Runs bitmap(BATON_TRY(rest.take<PfnRange>(most)));
  Runs ranges(BATON_TRY(rest.take<PfnRange>(most)));
  BATON_TRY(by_bootmem(layout, reservations, rest, bitmap));
  BATON_TRY(by_memblock(layout, reservations, rest, ranges));
  const std::span<const PfnRange> a = BATON_TRY(bitmap.sorted());
  const std::span<const PfnRange> b = BATON_TRY(ranges.sorted());
  for (size_t i = 0; i < a.size() || i < b.size(); ++i) {
    if (i < a.size() && i < b.size() && a[i] == b[i]) continue;
    const bool bitmap_first = i < a.size() && (i >= b.size() || a[i].start < b[i].start ||
                                               (a[i].start == b[i].start && b[i].end < a[i].end));
    const PfnRange run = bitmap_first ? a[i] : b[i];
    return Error{bitmap_first ? ErrorText("a run of frames that bootmem hands over and memblock "
                                          "does not, or not all of it (start {:#x}, end {:#x})")
                              : ErrorText("a run of frames that memblock hands over and bootmem "
                                          "does not, or not all of it (start {:#x}, end {:#x})"),
                 "roads", phys(run.start).v, phys(run.end).v};
  }
  return a;
}

}  // namespace mm
