#include "mm/zonelists.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/drawn_machine.h"

namespace {

using mm::NodeId;

struct Nodes {
  std::vector<mm::NodeLayout> layouts;
  mm::NumaMap map;

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
    const auto count = static_cast<NodeId>(distances.empty() ? 0 : layouts.size());
    mm::build_all_zonelists(layouts, map, mm::Distances(distances, count), order, with_cpus,
                            log.printer());
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

}  // namespace
