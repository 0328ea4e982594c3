// In which order nodes are asked for memory: build_all_zonelists.
//
// Linux 6.1's rule (mm/page_alloc.c: find_next_best_node, build_zonelists): the node itself, then
// by distance; of equally near ones, nodes above are preferred to nodes below, and nodes that are
// already the first of a distance group in others' lists come later, so that the first choice
// rotates. Only nodes with RAM appear, besides the node itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mm/layout.h"
#include "mm/numa.h"
#include "mm/print.h"

namespace mm {

enum class NodeOrder : uint8_t {
  Distance,  // as above
  Ring,      // older kernels: N, N+1, N+2, ..., 0, ..., N-1 whatever the distances
};

// Room for build_all_zonelists' answer, which `fallback` of the nodes points into, and its work:
// what there is of nodes counts, not what there could be.
struct ZonelistStorage {
  std::span<NodeId> lists;    // fallback_entries(map)
  std::span<uint32_t> ranks;  // a slot for each node with RAM
  std::span<uint16_t> loads;  // and for each node id
};
[[nodiscard]] size_t fallback_entries(const NumaMap& map);

// Fills in `fallback` of every possible node and prints `Fallback order for Node 0: 0 1 `: with the
// blank at the end, as Linux does. `with_cpus` puts nodes without CPUs before others of the same
// distance; Linux does that when it builds the lists again later, but at boot it knows no CPU's
// node yet, and so the set is empty.
void build_all_zonelists(std::span<NodeLayout> nodes, const NumaMap& map,
                         const Distances& distances, NodeOrder order, const NodeSet& with_cpus,
                         const ZonelistStorage& storage, const Printer& out);

}  // namespace mm
