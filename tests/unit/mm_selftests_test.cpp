// The self-tests of the phase "mm": that they pass on a sound machine, and that each of them can
// fail. What is broken here is what a mistake in mm would break.
#include "kernel/selftest_mm.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/booted.h"

namespace kernel {
namespace {

using test::BootedMachine;

constexpr const char* kTwoNodes =
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n"
    "BIOS-e820: [mem 0x00000000fec00000-0x00000000fec00fff] reserved\n"
    "BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable\n"
    "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]\n"
    "ACPI: SRAT: Node 1 PXM 1 [mem 0x100000000-0x13fffffff]\n";

// Node 1 has a CPU and no memory.
constexpr const char* kMemoryless =
    "BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable\n"
    "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]\n"
    "SRAT: PXM 1 -> APIC 0x01 -> Node 1\n";

// Many blocks of 1 GiB, of which only some are taken.
constexpr const char* kLarge =
    "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n"
    "BIOS-e820: [mem 0x0000000100000000-0x000000187fffffff] usable\n";

// Writable although only looked at elsewhere: the saboteur's way in.
mm::Zone& zone_of(BootedMachine& machine, mm::NodeId node, mm::ZoneType type) {
  const mm::Zone& zone = machine->relay.pages().node(node).zones[static_cast<size_t>(type)];
  return const_cast<mm::Zone&>(zone);  // NOLINT
}

void expect_failure(const Verdict& verdict, const char* words) {
  EXPECT_EQ(verdict.outcome(), loader::Outcome::Fail);
  EXPECT_NE(std::string(verdict.facts()).find(words), std::string::npos) << verdict.facts();
}

TEST(MmSelfTests, PassOnSoundMachines) {
  for (const char* drawing : {kTwoNodes, kMemoryless, kLarge}) {
    BootedMachine machine(drawing);
    for (const KernelTest& test : mm_tests()) {
      // Wrong frees need a kernel image in memory; they have a test of their own.
      if (std::string(test.row.id) == "mm.free.refused") continue;
      const Verdict verdict = test.run(*machine);
      EXPECT_NE(verdict.outcome(), loader::Outcome::Fail) << test.row.id << ": " << verdict.facts();
    }
    EXPECT_TRUE(close_ledger(*machine, mm::Printer()).ok());
  }
}

TEST(MmSelfTests, ExhaustiveTakesAll) {
  BootedMachine machine(kLarge);
  machine->exhaustive = true;
  const Verdict verdict = test_largest_blocks(*machine);
  EXPECT_TRUE(verdict.passed()) << verdict.facts();
}

TEST(MmSelfTests, ReservedMemoryThatIsFree) {
  BootedMachine machine(kTwoNodes);
  ASSERT_TRUE(machine->relay.reservations()
                  .reserve({mm::Phys{0x2000'0000}, mm::Phys{0x2000'1000}}, "FORGOTTEN")
                  .ok());
  expect_failure(test_free_is_free(*machine), "reserved as FORGOTTEN");
}

TEST(MmSelfTests, FreeMemoryThatIsNoRam) {
  BootedMachine machine(kTwoNodes);
  const auto changed = machine->relay.e820().update({mm::Phys{0x1000'0000}, mm::Phys{0x1000'1000}},
                                                    mm::E820Type::Ram, mm::E820Type::Unusable);
  ASSERT_TRUE(changed.ok());
  expect_failure(test_free_is_free(*machine), "not all of it is usable RAM");
}

TEST(MmSelfTests, ACounterThatIsOff) {
  BootedMachine machine(kTwoNodes);
  ++zone_of(machine, 1, mm::ZoneType::Normal).free_pages;
  expect_failure(test_counts(*machine), "node 1 zone Normal");
  EXPECT_EQ(test_audit(*machine).outcome(), loader::Outcome::Fail);
}

TEST(MmSelfTests, MoreManagedThanPresent) {
  BootedMachine machine(kTwoNodes);
  zone_of(machine, 0, mm::ZoneType::Dma).managed += 4096;
  expect_failure(test_counts(*machine), "node 0 zone DMA: managed");
}

TEST(MmSelfTests, ABlockThatNobodyCanGet) {
  BootedMachine machine(kTwoNodes);
  // Its list is full, but the map of orders that have any says it is empty.
  mm::Zone& zone = zone_of(machine, 1, mm::ZoneType::Normal);
  const auto movable = static_cast<size_t>(mm::Migratetype::Movable);
  const uint32_t orders = zone.nonempty[movable];
  zone.nonempty[movable] &= orders - 1;
  expect_failure(test_largest_blocks(*machine), "node 1 zone Normal");
}

TEST(MmSelfTests, AnotherNodesMemory) {
  BootedMachine machine(kTwoNodes);
  // All zones of node 1 are looked for on node 0.
  auto& node = const_cast<mm::Node&>(machine->relay.pages().node(1));  // NOLINT
  const mm::Node& other = machine->relay.pages().node(0);
  node.zonelist = other.zonelist;
  node.zonelist_count = other.zonelist_count;
  node.preferred = other.preferred;
  expect_failure(test_node_local(*machine), "asked node 1");
}

TEST(MmSelfTests, AMemorylessNodeServedByNobody) {
  BootedMachine machine(kMemoryless);
  EXPECT_TRUE(test_node_fallback(*machine).passed());
  auto& node = const_cast<mm::Node&>(machine->relay.pages().node(1));  // NOLINT
  node.zonelist_count = 0;
  node.preferred = {};
  expect_failure(test_node_fallback(*machine), "gave no page");
}

}  // namespace
}  // namespace kernel
