// Which RAM belongs to which node: what SRAT and SLIT said, in neutral terms, held against e820.
//
// The rules and the log lines are Linux 6.1's (arch/x86/mm/numa.c: numa_cleanup_meminfo,
// numa_meminfo_cover_memory, dummy_numa_init; mm/memblock.c for what becomes of the ranges). Where
// the firmware's account cannot be believed (two nodes claim one byte, or 1 MiB of RAM and more is
// in no node) it is not used, the reason is printed, and all RAM is one node.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/layout.h"
#include "mm/node_set.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"

namespace mm {

// One enabled memory affinity entry of SRAT. Its range may be empty, unordered, wrap or reach
// beyond RAM: that is what this station is for.
struct MemoryAffinity {
  NodeId node = 0;  // not kNoNode: large arrays of these are all 0 at first
  Range range;
  bool hotplug = false;
  bool nonvolatile = false;
};

// SLIT's matrix where the firmware left it: row-major, rows * rows. `domains` says by node id which
// row and column are the node's. A pair beyond it, or no matrix, gives Linux's defaults, 10 to
// itself and 20 to others.
class Distances {
 public:
  static constexpr unsigned kLocal = 10;
  static constexpr unsigned kRemote = 20;

  Distances() = default;
  Distances(std::span<const uint8_t> matrix, uint32_t rows, std::span<const uint32_t> domains)
      : matrix_(matrix), rows_(rows), domains_(domains) {}

  [[nodiscard]] unsigned between(NodeId from, NodeId to) const {
    const uint32_t row = row_of(from);
    const uint32_t column = row_of(to);
    if (row < rows_ && column < rows_) return matrix_[size_t{row} * rows_ + column];
    return from == to ? kLocal : kRemote;
  }

 private:
  [[nodiscard]] uint32_t row_of(NodeId node) const {
    return node < domains_.size() ? domains_[node] : rows_;
  }

  std::span<const uint8_t> matrix_;  // at least rows_ * rows_
  uint32_t rows_ = 0;
  std::span<const uint32_t> domains_;
};

struct NumaInput {
  std::span<const MemoryAffinity> memory;  // in the table's order; empty: no SRAT
  NodeSet named;     // every node SRAT names: by memory, CPUs or generic initiators
  bool off = false;  // numa=off
  // kernelcore=mirror: what the firmware calls more reliable, in any order; otherwise empty.
  std::span<const Range> mirrored = {};
};

struct NumaMap {
  std::span<const ActiveRange>
      active;        // sorted, disjoint; touching ranges differ in node, hotplug or mirror
  NodeSet possible;  // nodes that SRAT names, with or without RAM
  NodeSet with_memory;
  bool faked = false;     // SRAT is missing or not used: node 0 has everything, and distances
                          // and CPUs' nodes out of the same tables must not be used either
  uint64_t homeless = 0;  // frames that were in no node and went to a neighbour's

  // One past the highest node id.
  [[nodiscard]] NodeId node_count() const { return possible.end(); }
};

// Room for numa_init's work and answer. Blocks: as many as memory affinities, and one at least.
// Active: usable e820 entries + 3 * memory affinities + 2 * mirrored ranges is always enough.
struct NumaStorage {
  std::span<MemoryAffinity> blocks;
  std::span<ActiveRange> active;
};

// Divides the usable RAM of e820, rounded inward to whole frames, among the nodes. A node in which
// a reservation lies cannot be unplugged: its ranges are not hotplug. RAM in no node (less than
// 1 MiB in all; more discredits SRAT) goes to the node of the RAM before it, or after it when
// there is none before, and is reported in a line of ours. Fails when storage is too small, a
// node id is kMaxNodes or more, or there is no RAM.
Result<NumaMap> numa_init(const NumaInput& input, const E820Table& e820,
                          std::span<const Reservation> reservations, NumaStorage storage,
                          const Printer& out);

// First active range that ends after the frame: the one that holds it, or the next; active.size()
// when there is none.
[[nodiscard]] size_t first_active_ending_after(std::span<const ActiveRange> active, Pfn frame);
// Those that have a frame in the range; of a node's span, all the node's and whose lie between them.
[[nodiscard]] std::span<const ActiveRange> active_within(std::span<const ActiveRange> active,
                                                         PfnRange range);

}  // namespace mm
