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

// Another node, and how good it is for the one whose list is built.
struct Candidate {
  NodeId id;
  uint32_t cost;
};

// Loads change only for nodes that are in the list already, so a node's list is its candidates by
// cost; of equal ones the lower number comes first.
void by_distance(NodeLayout& node, std::span<const NodeId> with_memory, const Distances& distances,
                 const NodeSet& with_cpus, Loads& loads) {
  std::array<Candidate, kMaxNodes> candidates;  // NOLINT: only what is counted is read
  size_t count = 0;
  for (const NodeId id : with_memory) {
    if (id == node.id) continue;
    const Candidate next{id, cost(node.id, id, distances, with_cpus, loads)};
    size_t to = count++;
    for (; to > 0 && candidates[to - 1].cost > next.cost; --to) candidates[to] = candidates[to - 1];
    candidates[to] = next;
  }
  unsigned before = distances.between(node.id, node.id);
  for (size_t i = 0; i < count; ++i) {
    const NodeId id = candidates[i].id;
    const unsigned distance = distances.between(node.id, id);
    if (distance != before) ++loads[id];
    before = distance;
    node.fallback[node.fallback_count++] = id;
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
  std::array<NodeId, kMaxNodes> ids;  // NOLINT: only what is counted is read
  size_t count = 0;
  for (NodeId id = 0; id < map.node_count(); ++id) {
    if (map.with_memory.has(id)) ids[count++] = id;
  }
  const std::span<const NodeId> with_memory(ids.data(), count);
  for (NodeLayout& node : nodes) {
    node.fallback_count = 0;
    if (!map.possible.has(node.id)) continue;
    node.fallback[node.fallback_count++] = node.id;
    if (order == NodeOrder::Distance) {
      by_distance(node, with_memory, distances, with_cpus, loads);
    } else {
      as_ring(node, map);
    }
    out.part("Fallback order for Node {}: ", node.id);
    for (size_t i = 0; i < node.fallback_count; ++i) out.part("{} ", node.fallback[i]);
    out.line("");
  }
}

}  // namespace mm
