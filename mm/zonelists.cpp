#include "mm/zonelists.h"

#include <array>

namespace mm {
namespace {

using Loads = std::array<uint16_t, kMaxNodes>;  // how often a node was first of a distance group

// How good a node is for another, less is better. Distances are 8 bits and at most kMaxNodes lists
// add to a load, so the parts do not mix.
uint32_t cost(NodeId from, NodeId to, const Distances& distances, const NodeSet& with_cpus,
              const Loads& loads) {
  uint32_t value = distances.between(from, to);
  if (to < from) ++value;
  if (with_cpus.has(to)) ++value;
  return value * uint32_t{kMaxNodes + 1} + loads[to];
}

void by_distance(NodeLayout& node, const NumaMap& map, const Distances& distances,
                 const NodeSet& with_cpus, Loads& loads) {
  NodeSet used;
  used.set(node.id);
  NodeId previous = node.id;
  for (;;) {
    NodeId best = kNoNode;
    uint32_t best_cost = 0;
    for (NodeId id = 0; id < map.node_count(); ++id) {
      if (!map.with_memory.has(id) || used.has(id)) continue;
      const uint32_t value = cost(node.id, id, distances, with_cpus, loads);
      if (best == kNoNode || value < best_cost) {
        best = id;
        best_cost = value;
      }
    }
    if (best == kNoNode) return;
    used.set(best);
    if (distances.between(node.id, best) != distances.between(node.id, previous)) ++loads[best];
    node.fallback[node.fallback_count++] = best;
    previous = best;
  }
}

void as_ring(NodeLayout& node, const NumaMap& map) {
  const NodeId count = map.node_count();
  for (NodeId step = 1; step < count; ++step) {
    const auto id = static_cast<NodeId>((node.id + step) % count);
    if (map.with_memory.has(id)) node.fallback[node.fallback_count++] = id;
  }
}

}  // namespace

void build_all_zonelists(std::span<NodeLayout> nodes, const NumaMap& map,
                         const Distances& distances, NodeOrder order, const NodeSet& with_cpus,
                         const Printer& out) {
  Loads loads{};
  for (NodeLayout& node : nodes) {
    node.fallback_count = 0;
    if (!map.possible.has(node.id)) continue;
    node.fallback[node.fallback_count++] = node.id;
    if (order == NodeOrder::Distance) {
      by_distance(node, map, distances, with_cpus, loads);
    } else {
      as_ring(node, map);
    }
    out.part("Fallback order for Node %u: ", node.id);
    for (size_t i = 0; i < node.fallback_count; ++i) out.part("%u ", node.fallback[i]);
    out.line("%s", "");
  }
}

}  // namespace mm
