#include "mm/numa.h"

#include <algorithm>

#include "mm/sorted_ranges.h"

namespace mm {
namespace {

// The blocks of the machine, while they are cleaned up: numa_meminfo.
class Blocks {
 public:
  Blocks(std::span<MemoryAffinity> storage, const Printer& out) : storage_(storage), out_(out) {}

  [[nodiscard]] std::span<const MemoryAffinity> all() const { return storage_.first(count_); }

  Result<> add(const MemoryAffinity& block) {
    if (block.range.start == block.range.end) return {};
    if (block.range.end < block.range.start) {
      out_.line("Warning: invalid memblk node {} {:08x}", block.node, mem(block.range));
      return {};
    }
    if (count_ == storage_.size()) {
      return Error{"no room for memory affinities (room {})", "numa", storage_.size()};
    }
    storage_[count_++] = block;
    return {};
  }

  // Keeps what has RAM, below the end of RAM.
  void trim(const E820Table& e820, Phys end_of_ram) {
    for (size_t i = 0; i < count_;) {
      Range& range = storage_[i].range;
      if (range.end > end_of_ram) range.end = end_of_ram;
      if (!has_ram(e820, storage_[i].range)) {
        erase(i);
      } else {
        ++i;
      }
    }
  }

  // Joins blocks of a node between which no other node has a block. False when two nodes overlap.
  bool merge() {
    for (size_t i = 0; i < count_; ++i) {
      for (size_t j = i + 1; j < count_;) {
        MemoryAffinity& a = storage_[i];
        const MemoryAffinity& b = storage_[j];
        if (a.range.overlaps(b.range)) {
          if (a.node != b.node) {
            out_.line("node {} {:08x} overlaps with node {} {:08x}", a.node, mem(a.range), b.node,
                      mem(b.range));
            return false;
          }
          out_.line("Warning: node {} {:08x} overlaps with itself {:08x}", a.node, mem(a.range),
                    mem(b.range));
        }
        const Range both{std::min(a.range.start, b.range.start),
                         std::max(a.range.end, b.range.end)};
        if (a.node != b.node || others_have(both, a.node)) {
          ++j;
          continue;
        }
        out_.line("NUMA: Node {} {:08x} + {:08x} -> {:08x}", a.node, mem(a.range), mem(b.range),
                  mem(both));
        a.range = both;
        erase(j);
      }
    }
    return true;
  }

  // By address.
  void sort() {
    std::sort(storage_.begin(), storage_.begin() + static_cast<ptrdiff_t>(count_),
              [](const MemoryAffinity& a, const MemoryAffinity& b) {
                return a.range.start < b.range.start;
              });
  }

 private:
  static bool has_ram(const E820Table& e820, Range range) {
    if (range.empty()) return false;
    const std::span<const E820Entry> entries = e820.entries();
    for (size_t i = first_ending_after(entries, range.start);
         i < entries.size() && entries[i].range.start < range.end; ++i) {
      if (entries[i].type != E820Type::Ram) continue;
      const Range frames = phys(pfns_inside(entries[i].range));
      if (!frames.empty() && frames.overlaps(range)) return true;
    }
    return false;
  }

  [[nodiscard]] bool others_have(Range range, NodeId node) const {
    return std::any_of(storage_.begin(), storage_.begin() + static_cast<ptrdiff_t>(count_),
                       [&](const MemoryAffinity& block) {
                         return block.node != node && block.range.overlaps(range);
                       });
  }

  void erase(size_t index) {
    --count_;
    for (size_t i = index; i < count_; ++i) storage_[i] = storage_[i + 1];
  }

  std::span<MemoryAffinity> storage_;
  size_t count_ = 0;
  const Printer& out_;
};

// Sorted ranges of whole frames, in the making. Homeless ones are of kNoNode.
class Active {
 public:
  explicit Active(std::span<ActiveRange> storage) : storage_(storage) {}

  Result<> add(Range bytes, NodeId node, bool hotplug, bool mirror) {
    const ActiveRange range{pfns_inside(bytes), node, hotplug, mirror};
    if (range.pfns.empty()) return {};
    if (count_ > 0 && goes_on(storage_[count_ - 1], range)) {
      storage_[count_ - 1].pfns.end = range.pfns.end;
      return {};
    }
    if (count_ == storage_.size()) {
      return Error{"no room for active ranges (room {})", "numa", storage_.size()};
    }
    storage_[count_++] = range;
    return {};
  }

  // Ranges of no node get a neighbour's; returns how many frames those were.
  uint64_t house(const Printer& out) {
    uint64_t frames = 0;
    for (size_t i = 0; i < count_; ++i) {
      ActiveRange& range = storage_[i];
      if (range.node != kNoNode) continue;
      size_t next = i;
      while (next < count_ && storage_[next].node == kNoNode) ++next;
      range.node = i > 0 ? storage_[i - 1].node : next < count_ ? storage_[next].node : NodeId{0};
      frames += range.pfns.size();
      const Range bytes = phys(range.pfns);
      out.line("NUMA: {:08x} is in no node, taken for node {}", mem(bytes), range.node);
    }
    return frames;
  }

  void join() {
    size_t kept = 0;
    for (size_t i = 0; i < count_; ++i) {
      if (kept > 0 && goes_on(storage_[kept - 1], storage_[i])) {
        storage_[kept - 1].pfns.end = storage_[i].pfns.end;
      } else {
        storage_[kept++] = storage_[i];
      }
    }
    count_ = kept;
  }

  [[nodiscard]] std::span<ActiveRange> all() const { return storage_.first(count_); }

 private:
  static bool goes_on(const ActiveRange& range, const ActiveRange& next) {
    return range.pfns.end == next.pfns.start && range.node == next.node &&
           range.hotplug == next.hotplug && range.mirror == next.mirror;
  }

  std::span<ActiveRange> storage_;
  size_t count_ = 0;
};

// Nodes that hold a reservation: the kernel lives there.
NodeSet nodes_in_use(std::span<const Reservation> reservations,
                     std::span<const MemoryAffinity> blocks) {
  NodeSet nodes;
  for (const MemoryAffinity& block : blocks) {
    const size_t i = first_ending_after(reservations, block.range.start);
    if (i < reservations.size() && reservations[i].range.start < block.range.end) {
      nodes.set(block.node);
    }
  }
  return nodes;
}

// Whether `at` lies in the window; `until` is lowered to the next of its borders.
bool in_window(Range window, Phys at, Phys& until) {
  if (window.empty()) return false;
  const bool inside = window.contains(at);
  // Two windows that overlap: the piece ends with the first, and the next piece goes on.
  const Phys border = inside ? window.end : window.start;
  if (border > at && border < until) until = border;
  return inside;
}

bool in_hotplug_window(std::span<const MemoryAffinity> windows, Phys at, Phys& until) {
  bool inside = false;
  for (const MemoryAffinity& window : windows) {
    if (window.hotplug && in_window(window.range, at, until)) inside = true;
  }
  return inside;
}

// A frame that is mirrored in part is not.
bool is_mirrored(std::span<const Range> mirrored, Phys at, Phys& until) {
  bool inside = false;
  for (const Range& range : mirrored) {
    if (in_window(phys(pfns_inside(range)), at, until)) inside = true;
  }
  return inside;
}

// Cuts usable RAM at the borders of blocks (sorted), of hotplug windows and of mirrored ranges.
Result<> divide(const E820Table& e820, std::span<const MemoryAffinity> blocks,
                const NumaInput& input, const NodeSet& in_use, Active& active) {
  size_t b = 0;
  for (const E820Entry& entry : e820.entries()) {
    if (entry.type != E820Type::Ram) continue;
    for (Phys at = entry.range.start; at < entry.range.end;) {
      while (b < blocks.size() && blocks[b].range.end <= at) ++b;
      Phys until = entry.range.end;
      NodeId node = kNoNode;
      if (b < blocks.size()) {
        const Range& block = blocks[b].range;
        if (block.start <= at) {
          node = blocks[b].node;
          until = std::min(until, block.end);
        } else {
          until = std::min(until, block.start);
        }
      }
      // Nodes in use are not unplugged, so a window's border is none there.
      Phys piece_end = until;
      const bool in_any = in_hotplug_window(input.memory, at, piece_end);
      if (node == kNoNode || !in_use.has(node)) until = piece_end;
      const bool hotplug = in_any && node != kNoNode && !in_use.has(node);
      const bool mirror = is_mirrored(input.mirrored, at, until);
      BATON_TRY(active.add({at, until}, node, hotplug, mirror));
      at = until;
    }
  }
  return {};
}

// Linux allows 1 MiB of RAM outside every node.
bool covers(std::span<const ActiveRange> active, const Printer& out) {
  uint64_t all = 0;
  uint64_t in_nodes = 0;
  for (const ActiveRange& range : active) {
    all += range.pfns.size();
    if (range.node != kNoNode) in_nodes += range.pfns.size();
  }
  if (all - in_nodes < kMiB / kPageSize) return true;
  out.line("NUMA: nodes only cover {}MB of your {}MB e820 RAM. Not used.",
           in_nodes * kPageSize / kMiB, all * kPageSize / kMiB);
  return false;
}

Result<NumaMap> finish(Active& active, NodeSet possible, const Printer& out) {
  NumaMap map;
  map.homeless = active.house(out);
  active.join();
  map.active = active.all();
  if (map.active.empty()) return Error{"there is no whole frame of usable RAM", "numa"};
  map.possible = possible;
  for (const ActiveRange& range : map.active) {
    map.possible.set(range.node);
    map.with_memory.set(range.node);
  }
  return map;
}

Result<NumaMap> one_node(const NumaInput& input, const E820Table& e820, NumaStorage storage,
                         Phys end_of_ram, const Printer& out) {
  out.line("{}", input.off ? "NUMA turned off" : "No NUMA configuration found");
  out.line("Faking a node at {}", mem(Range{Phys{0}, end_of_ram}));
  Active active(storage.active);
  for (const E820Entry& entry : e820.entries()) {
    if (entry.type != E820Type::Ram) continue;
    for (Phys at = entry.range.start; at < entry.range.end;) {
      Phys until = entry.range.end;
      const bool mirror = is_mirrored(input.mirrored, at, until);
      BATON_TRY(active.add({at, until}, 0, false, mirror));
      at = until;
    }
  }
  NodeSet possible;
  possible.set(0);
  NumaMap map = BATON_TRY(finish(active, possible, out));
  map.faked = true;
  return map;
}

}  // namespace

Result<NumaMap> numa_init(const NumaInput& input, const E820Table& e820,
                          std::span<const Reservation> reservations, NumaStorage storage,
                          const Printer& out) {
  const Phys end_of_ram = phys(e820.last_pfn());
  if (end_of_ram == Phys{0}) return Error{"there is no whole frame of usable RAM", "numa"};
  if (input.off || input.memory.empty()) return one_node(input, e820, storage, end_of_ram, out);

  Blocks blocks(storage.blocks, out);
  NodeSet possible = input.named;
  for (const MemoryAffinity& memory : input.memory) {
    if (memory.node >= kMaxNodes) {
      return Error{"node id is too large (node {}, nodes at most {})", "numa", memory.node,
                   kMaxNodes};
    }
    possible.set(memory.node);
    BATON_TRY(blocks.add(memory));
  }
  blocks.trim(e820, end_of_ram);
  if (!blocks.merge()) return one_node(input, e820, storage, end_of_ram, out);
  blocks.sort();

  Active active(storage.active);
  BATON_TRY(divide(e820, blocks.all(), input, nodes_in_use(reservations, blocks.all()), active));
  if (!covers(active.all(), out)) return one_node(input, e820, storage, end_of_ram, out);
  return finish(active, possible, out);
}

size_t first_active_ending_after(std::span<const ActiveRange> active, Pfn frame) {
  size_t low = 0;
  size_t high = active.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (active[middle].pfns.end > frame) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::span<const ActiveRange> active_within(std::span<const ActiveRange> active, PfnRange range) {
  const size_t first = first_active_ending_after(active, range.start);
  size_t last = first;
  while (last < active.size() && active[last].pfns.start < range.end) ++last;
  return active.subspan(first, last - first);
}

}  // namespace mm
