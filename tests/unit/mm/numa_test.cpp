#include "mm/numa.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/drawn_machine.h"

namespace {

using mm::ActiveRange;
using mm::Phys;
using test::DrawnMachine;
using test::Log;

// What numa_init makes of a machine: the lines it prints, then the active ranges.
std::string numa(const DrawnMachine& machine, std::span<const mm::Reservation> reservations = {},
                 bool off = false) {
  std::vector<mm::MemoryAffinity> blocks(machine.srat.size() + 1);
  std::vector<ActiveRange> active(machine.e820.entries().size() + 3 * machine.srat.size() + 1);
  Log log;
  mm::NumaInput input = machine.numa();
  input.off = off;
  const auto map =
      mm::numa_init(input, machine.e820, reservations, {blocks, active}, log.printer());
  if (!map.ok()) return test::describe(map.error());
  for (const ActiveRange& range : map.value().active) {
    log.printer().line("node {}: {}-{}{}", range.node, range.pfns.start, range.pfns.end,
                       range.hotplug ? " hotplug" : "");
  }
  return log.take();
}

std::string numa(const std::string& drawing, std::span<const mm::Reservation> reservations = {},
                 bool off = false) {
  return numa(DrawnMachine(drawing), reservations, off);
}

TEST(Numa, WithoutSratEverythingIsNodeZero) {
  EXPECT_EQ(numa(R"(
BIOS-e820: [mem 0x0000000000001000-0x000000000009fbff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
)"),
            R"(No NUMA configuration found
Faking a node at [mem 0x0000000000000000-0x000000007fffffff]
node 0: 0x1-0x9f
node 0: 0x100-0x80000
)");
}

TEST(Numa, TurnedOff) {
  EXPECT_EQ(numa(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]
)",
                 {}, true),
            R"(NUMA turned off
Faking a node at [mem 0x0000000000000000-0x000000007fffffff]
node 0: 0x100-0x80000
)");
}

TEST(Numa, BlocksOfANodeAreJoinedAcrossHoles) {
  EXPECT_EQ(
      numa(R"(
BIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x0009ffff]
SRAT: Node 0 PXM 0 [mem 0x00100000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
)"),
      R"(NUMA: Node 0 [mem 0x00000000-0x0009ffff] + [mem 0x00100000-0x7fffffff] -> [mem 0x00000000-0x7fffffff]
node 0: 0x1-0xa0
node 0: 0x100-0x80000
node 1: 0x100000-0x180000
)");
}

TEST(Numa, BlocksAreNotJoinedAcrossAnotherNode) {
  EXPECT_EQ(numa(R"(
BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
SRAT: Node 0 PXM 0 [mem 0x80000000-0xbfffffff]
SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]
)"),
            R"(node 0: 0x100-0x40000
node 1: 0x40000-0x80000
node 0: 0x80000-0xc0000
)");
}

TEST(Numa, EntriesInAnyOrder) {
  EXPECT_EQ(numa(R"(
BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable
SRAT: Node 0 PXM 5 [mem 0x80000000-0xbfffffff]
SRAT: Node 1 PXM 3 [mem 0x40000000-0x7fffffff]
SRAT: Node 2 PXM 0 [mem 0x00000000-0x3fffffff]
)"),
            R"(node 2: 0x100-0x40000
node 1: 0x40000-0x80000
node 0: 0x80000-0xc0000
)");
}

TEST(Numa, ANodeThatOverlapsItselfIsAllowed) {
  EXPECT_EQ(
      numa(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x5fffffff]
SRAT: Node 0 PXM 0 [mem 0x40000000-0x7fffffff]
)"),
      R"(Warning: node 0 [mem 0x00000000-0x5fffffff] overlaps with itself [mem 0x40000000-0x7fffffff]
NUMA: Node 0 [mem 0x00000000-0x5fffffff] + [mem 0x40000000-0x7fffffff] -> [mem 0x00000000-0x7fffffff]
node 0: 0x100-0x80000
)");
}

TEST(Numa, NodesThatOverlapAreNotBelieved) {
  EXPECT_EQ(numa(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x5fffffff]
SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]
)"),
            R"(node 0 [mem 0x00000000-0x5fffffff] overlaps with node 1 [mem 0x40000000-0x7fffffff]
No NUMA configuration found
Faking a node at [mem 0x0000000000000000-0x000000007fffffff]
node 0: 0x100-0x80000
)");
}

TEST(Numa, AMebibyteInNoNodeDiscreditsSrat) {
  EXPECT_EQ(numa(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fefffff]
)"),
            R"(NUMA: nodes only cover 2046MB of your 2047MB e820 RAM. Not used.
No NUMA configuration found
Faking a node at [mem 0x0000000000000000-0x000000007fffffff]
node 0: 0x100-0x80000
)");
}

TEST(Numa, LessThanAMebibyteInNoNodeGoesToTheNodeBefore) {
  EXPECT_EQ(numa(R"(
BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00100000-0x3fffffff]
SRAT: Node 1 PXM 1 [mem 0x40001000-0x7fffffff]
)"),
            R"(NUMA: [mem 0x00001000-0x00001fff] is in no node, taken for node 0
NUMA: [mem 0x40000000-0x40000fff] is in no node, taken for node 0
node 0: 0x1-0x2
node 0: 0x100-0x40001
node 1: 0x40001-0x80000
)");
}

TEST(Numa, AFrameSplitBetweenNodesIsNobodys) {
  EXPECT_EQ(numa(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x400007ff]
SRAT: Node 1 PXM 1 [mem 0x40000800-0x7fffffff]
)"),
            R"(node 0: 0x100-0x40000
node 1: 0x40001-0x80000
)");
}

TEST(Numa, WindowsWithoutRamAreNotNodesMemory) {
  DrawnMachine machine(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x1ffffffff] hotplug
SRAT: Node 0 PXM 0 [mem 0x200000000-0x2ffffffff] hotplug
)");
  std::vector<mm::MemoryAffinity> blocks(3);
  std::vector<ActiveRange> active(8);
  const auto map =
      test::must(mm::numa_init(machine.numa(), machine.e820, {}, {blocks, active}, {}));
  ASSERT_EQ(map.active.size(), 1u);
  EXPECT_TRUE(map.possible.has(1));
  EXPECT_FALSE(map.with_memory.has(1));
  EXPECT_EQ(map.node_count(), 2);
}

TEST(Numa, ABlockWithoutAWholeFrameIsNone) {
  // One byte of RAM does not keep node 1's block between the two of node 0 alive.
  EXPECT_EQ(
      numa(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable
BIOS-e820: [mem 0x0000000050000000-0x0000000050000000] usable
BIOS-e820: [mem 0x0000000080000000-0x00000000bfffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]
SRAT: Node 0 PXM 0 [mem 0x80000000-0xbfffffff]
)"),
      R"(NUMA: Node 0 [mem 0x00000000-0x3fffffff] + [mem 0x80000000-0xbfffffff] -> [mem 0x00000000-0xbfffffff]
node 0: 0x100-0x40000
node 0: 0x80000-0xc0000
)");
}

TEST(Numa, BlocksEndWhereRamEnds) {
  EXPECT_EQ(
      numa(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
SRAT: Node 0 PXM 0 [mem 0x40000000-0xffffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x1ffffffff]
)"),
      R"(NUMA: Node 0 [mem 0x00000000-0x3fffffff] + [mem 0x40000000-0x7fffffff] -> [mem 0x00000000-0x7fffffff]
node 0: 0x100-0x80000
)");
}

TEST(Numa, RamInAHotplugWindowIsKeptApart) {
  const char* drawing = R"(
BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
SRAT: Node 1 PXM 1 [mem 0x40000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x80000000-0xbfffffff] hotplug
)";
  EXPECT_EQ(
      numa(drawing),
      R"(NUMA: Node 1 [mem 0x40000000-0x7fffffff] + [mem 0x80000000-0xbfffffff] -> [mem 0x40000000-0xbfffffff]
node 0: 0x100-0x40000
node 1: 0x40000-0x80000
node 1: 0x80000-0xc0000 hotplug
)");
  // Unless something that cannot move lies in the node.
  const mm::Reservation kernel{{Phys{0x50000000}, Phys{0x50100000}}, "TEXT DATA BSS"};
  EXPECT_EQ(
      numa(drawing, {&kernel, 1}),
      R"(NUMA: Node 1 [mem 0x40000000-0x7fffffff] + [mem 0x80000000-0xbfffffff] -> [mem 0x40000000-0xbfffffff]
node 0: 0x100-0x40000
node 1: 0x40000-0xc0000
)");
}

TEST(Numa, ErrorsNameWhatIsWrong) {
  EXPECT_EQ(numa("BIOS-e820: [mem 0x0000000000000000-0x000000000000ffff] reserved\n"),
            "error: numa: there is no whole frame of usable RAM\n");
  DrawnMachine machine("BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable\n");
  machine.srat.push_back({.node = mm::kMaxNodes, .range = {Phys{0}, Phys{0x40000000}}});
  EXPECT_NE(numa(machine).find("node id is too large"), std::string::npos);
}

TEST(NodeSet, KnowsItsMembers) {
  mm::NodeSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.end(), 0);
  set.set(0);
  set.set(127);
  EXPECT_EQ(set.count(), 2u);
  EXPECT_EQ(set.end(), 128);
  EXPECT_TRUE(set.has(127));
  EXPECT_FALSE(set.has(64));
}

}  // namespace
