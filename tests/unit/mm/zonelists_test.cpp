#include "mm/zonelists.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/support/drawn_machine.h"

namespace {

using mm::NodeId;

struct Nodes {
  std::vector<mm::NodeLayout> layouts;
  mm::NumaMap map;
  std::vector<NodeId> lists;
  std::vector<uint32_t> ranks;
  std::vector<uint16_t> loads;

  // One letter a node: m has RAM, c has none.
  explicit Nodes(const std::string& kinds) : layouts(kinds.size()) {
    for (NodeId id = 0; id < kinds.size(); ++id) {
      layouts[id].id = id;
      map.possible.set(id);
      if (kinds[id] == 'm') map.with_memory.set(id);
    }
  }

  std::string build(const std::vector<uint8_t>& distances = {},
                    mm::NodeOrder order = mm::NodeOrder::Distance, mm::NodeSet with_cpus = {}) {
    test::Log log;
    lists.resize(mm::fallback_entries(map));
    ranks.resize(map.with_memory.count());
    loads.resize(layouts.size());
    const auto rows = static_cast<uint32_t>(distances.empty() ? 0 : layouts.size());
    std::vector<uint32_t> domains(layouts.size());
    std::iota(domains.begin(), domains.end(), 0);
    mm::build_all_zonelists(layouts, map, mm::Distances(distances, rows, domains), order, with_cpus,
                            {lists, ranks, loads}, log.printer());
    return log.take();
  }
};

TEST(Zonelists, OneNode) { EXPECT_EQ(Nodes("m").build(), "Fallback order for Node 0: 0 \n"); }

TEST(Zonelists, EquallyFarNodesGoRound) {
  EXPECT_EQ(Nodes("mmmm").build(), R"(Fallback order for Node 0: 0 1 2 3 
Fallback order for Node 1: 1 2 3 0 
Fallback order for Node 2: 2 3 0 1 
Fallback order for Node 3: 3 0 1 2 
)");
}

TEST(Zonelists, NearNodesFirst) {
  // Two boards of two nodes each.
  EXPECT_EQ(Nodes("mmmm").build({10, 16, 32, 32,  //
                                 16, 10, 32, 32,  //
                                 32, 32, 10, 16,  //
                                 32, 32, 16, 10}),
            R"(Fallback order for Node 0: 0 1 2 3 
Fallback order for Node 1: 1 0 3 2 
Fallback order for Node 2: 2 3 0 1 
Fallback order for Node 3: 3 2 1 0 
)");
}

TEST(Zonelists, DistancesNeedNotBeSymmetric) {
  EXPECT_EQ(Nodes("mmm").build({10, 40, 20,  //
                                20, 10, 40,  //
                                40, 20, 10}),
            R"(Fallback order for Node 0: 0 2 1 
Fallback order for Node 1: 1 0 2 
Fallback order for Node 2: 2 1 0 
)");
}

TEST(Zonelists, NodesWithoutRamAreInNoListButTheirOwn) {
  EXPECT_EQ(Nodes("mcm").build(), R"(Fallback order for Node 0: 0 2 
Fallback order for Node 1: 1 2 0 
Fallback order for Node 2: 2 0 
)");
}

TEST(Zonelists, NodesWithoutCpusArePreferredWhenThatIsKnown) {
  mm::NodeSet with_cpus;
  with_cpus.set(0);
  with_cpus.set(1);
  EXPECT_EQ(Nodes("mmm").build({}, mm::NodeOrder::Distance, with_cpus),
            R"(Fallback order for Node 0: 0 2 1 
Fallback order for Node 1: 1 2 0 
Fallback order for Node 2: 2 0 1 
)");
}

TEST(Zonelists, OldKernelsWentRoundWhateverTheDistance) {
  EXPECT_EQ(Nodes("mmcm").build({10, 40, 40, 11,  //
                                 40, 10, 40, 11,  //
                                 40, 40, 10, 11,  //
                                 11, 11, 11, 10},
                                mm::NodeOrder::Ring),
            R"(Fallback order for Node 0: 0 1 3 
Fallback order for Node 1: 1 3 0 
Fallback order for Node 2: 2 3 0 1 
Fallback order for Node 3: 3 0 1 
)");
}

// Linux's own way: for each list, of the nodes that are not in it yet the best, again and again.
std::string as_linux_builds(const Nodes& nodes, const mm::Distances& distances,
                            const mm::NodeSet& with_cpus) {
  test::Log log;
  std::vector<uint64_t> load(nodes.layouts.size());
  for (const mm::NodeLayout& node : nodes.layouts) {
    std::vector<NodeId> order{node.id};
    mm::NodeSet used;
    used.set(node.id);
    for (;;) {
      uint64_t least = ~uint64_t{0};
      NodeId best = mm::kNoNode;
      for (const mm::NodeLayout& other : nodes.layouts) {
        const NodeId id = other.id;
        if (!nodes.map.with_memory.has(id) || used.has(id)) continue;
        uint64_t value = distances.between(node.id, id);
        value += id < node.id ? 1 : 0;
        value += with_cpus.has(id) ? 1 : 0;
        value = value * 1000000 + load[id];
        if (value >= least) continue;
        least = value;
        best = id;
      }
      if (best == mm::kNoNode) break;
      if (distances.between(node.id, best) != distances.between(node.id, order.back()))
        ++load[best];
      order.push_back(best);
      used.set(best);
    }
    log.printer().part("Fallback order for Node {}: ", node.id);
    for (const NodeId id : order) log.printer().part("{} ", id);
    log.printer().line("");
  }
  return log.take();
}

TEST(Zonelists, AgreesWithLinuxsWayOnRandomDistances) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    // One with more nodes than a word counts, and two.
    const size_t count = seed == 0 ? 140 : 1 + random() % 30;
    std::string kinds(count, 'm');
    for (char& kind : kinds) kind = random() % 8 == 0 ? 'c' : 'm';
    Nodes nodes(kinds);
    std::vector<uint8_t> matrix;
    if (random() % 4 != 0) {
      const unsigned steps = 1 + random() % 4;
      for (size_t i = 0; i < count * count; ++i) {
        const bool own = i / count == i % count;
        matrix.push_back(static_cast<uint8_t>(own ? 10 : 11 + 7 * (random() % steps)));
      }
    }
    mm::NodeSet with_cpus;
    for (NodeId id = 0; id < count; ++id) {
      if (random() % 2 == 0) with_cpus.set(id);
    }
    const std::string built = nodes.build(matrix, mm::NodeOrder::Distance, with_cpus);
    std::vector<uint32_t> domains(count);
    std::iota(domains.begin(), domains.end(), 0);
    const auto rows = static_cast<uint32_t>(matrix.empty() ? 0 : count);
    ASSERT_EQ(built, as_linux_builds(nodes, mm::Distances(matrix, rows, domains), with_cpus))
        << "seed " << seed;
  }
}

}  // namespace
