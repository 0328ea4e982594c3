#include "mm/zonelists.h"

#include <algorithm>

namespace mm {
namespace {

// Of all nodes with RAM, those that are good for a node first.
class ByDistance {
 public:
  ByDistance(const Distances& distances, const NodeSet& with_cpus, const ZonelistStorage& storage)
      : distances_(distances), with_cpus_(with_cpus), ranks_(storage.ranks), loads_(storage.loads) {
    std::fill(loads_.begin(), loads_.end(), uint16_t{0});
  }

  // Appends them to the node's list, all but itself. Loads change only for nodes that are in the
  // list already, so it is its candidates by rank.
  void append(NodeLayout& node, const NodeSet& with_memory) {
    size_t count = 0;
    for (NodeId id = 0; id < with_memory.end(); ++id) {
      if (id != node.id && with_memory.has(id)) ranks_[count++] = rank(node.id, id);
    }
    const std::span<uint32_t> ranks = ranks_.first(count);
    // By an order of ours: the plain one is a function of libc++, not in its headers.
    std::sort(ranks.begin(), ranks.end(), [](uint32_t a, uint32_t b) { return a < b; });
    unsigned before = distances_.between(node.id, node.id);
    for (const uint32_t ranked : ranks) {
      const auto id = static_cast<NodeId>(ranked % kMaxNodes);
      const unsigned distance = distances_.between(node.id, id);
      if (distance != before) ++loads_[id];
      before = distance;
      node.fallback[node.fallback_count++] = id;
    }
  }

 private:
  // How good a node is for another, less is better, and of equal ones the lower number. Distances
  // are 8 bits and at most kMaxNodes lists add to a load, so the parts do not mix.
  [[nodiscard]] uint32_t rank(NodeId from, NodeId to) const {
    uint32_t value = distances_.between(from, to);
    if (to < from) ++value;
    if (with_cpus_.has(to)) ++value;
    return (value * uint32_t{kMaxNodes + 1} + loads_[to]) * uint32_t{kMaxNodes} + to;
  }

  const Distances& distances_;
  const NodeSet& with_cpus_;
  std::span<uint32_t> ranks_;
  std::span<uint16_t> loads_;  // how often a node was first of a distance group
};

void append_as_ring(NodeLayout& node, const NumaMap& map) {
  const NodeId count = map.node_count();
  for (NodeId step = 1; step < count; ++step) {
    const auto id = static_cast<NodeId>((node.id + step) % count);
    if (map.with_memory.has(id)) node.fallback[node.fallback_count++] = id;
  }
}

}  // namespace

size_t fallback_entries(const NumaMap& map) {
  const size_t with_memory = map.with_memory.count();
  const size_t possible = map.possible.count();
  // Each has all with RAM; one without has itself besides.
  return possible * with_memory + (possible - with_memory);
}

void build_all_zonelists(std::span<NodeLayout> nodes, const NumaMap& map,
                         const Distances& distances, NodeOrder order, const NodeSet& with_cpus,
                         const ZonelistStorage& storage, const Printer& out) {
  ByDistance by_distance(distances, with_cpus, storage);
  std::span<NodeId> room = storage.lists;
  for (NodeLayout& node : nodes) {
    node.fallback = room.data();
    node.fallback_count = 0;
    if (!map.possible.has(node.id)) continue;
    node.fallback[node.fallback_count++] = node.id;
    if (order == NodeOrder::Distance) {
      by_distance.append(node, map.with_memory);
    } else {
      append_as_ring(node, map);
    }
    room = room.subspan(node.fallback_count);
    out.part("Fallback order for Node {}: ", node.id);
    for (size_t i = 0; i < node.fallback_count; ++i) out.part("{} ", node.fallback[i]);
    out.line("");
  }
}

}  // namespace mm
