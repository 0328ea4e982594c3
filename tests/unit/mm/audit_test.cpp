// Each rule of audit(): a machine in order passes, and one with that rule broken is told so.
#include "mm/audit.h"

#include <gtest/gtest.h>

#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

class Audit : public testing::Test {
 protected:
  Audit() : machine({{{at(0x1000, 32 * kMiB), at(40 * kMiB, 64 * kMiB)}}}), a(machine.allocator) {
    EXPECT_TRUE(machine.release_all({at(1 * kMiB, 3 * kMiB)}).ok());
    a.setup_watermarks();
    a.setup_per_cpu_pageset();
    held = a.alloc_pages(0, kGfpKernel, 3, 0).value();
    EXPECT_TRUE(a.free_pages(0, a.alloc_pages(0, kGfpKernel, 0, 0).value(), 0).ok());
    EXPECT_EQ(said(), "in order");
  }
  std::string said() {
    const Result<> result = audit(a);
    return std::string(result.ok() ? "in order" : result.error().what);
  }
  // What is const to everybody else.
  Zone& zone(ZoneType type = ZoneType::Dma32) { return const_cast<Zone&>(a.node(0).zones[type]); }
  Node& node() { return const_cast<Node&>(a.node(0)); }
  Pcp& pcp() { return const_cast<Pcp&>(a.pcp(0, zone())); }
  // A free block of at least this order.
  FreeBlock a_free_block(unsigned order = 0) {
    FreeBlock found{};
    a.for_each_free_block([&](const FreeBlock& block) {
      if (block.zone == ZoneType::Dma32 && block.order >= order) found = block;
      return found.order < order || found.pfn.v == 0;
    });
    return found;
  }
  Region& broken() { return zone().pageblocks[zone().pageblocks.index(held)]; }
  Region& giga() { return zone().gigas[zone().gigas.index(held)]; }
  // A list of the CPU with two blocks.
  HotList& list() {
    const Pfn blocks[]{a.alloc_pages(0, kGfpKernel, 1, 0).value(),
                       a.alloc_pages(0, kGfpKernel, 1, 0).value()};
    for (const Pfn block : blocks) EXPECT_TRUE(a.free_pages(0, block, 1).ok());
    HotList& some = pcp().lists[pcp_list(1, Migratetype::Unmovable)];
    EXPECT_TRUE(!some.empty() && some.head != some.tail);
    return some;
  }
  // A pageblock that is free as a whole.
  Pfn whole() { return a_free_block(9).pfn; }
  PretendMachine<> machine;
  PageAllocator<OneCpu>& a;
  Pfn held;
};

TEST_F(Audit, FreePages) {
  ++zone().free_pages;
  EXPECT_EQ(said(), "free_pages is not the sum over the lists (sum {}, free_pages {})");
}
TEST_F(Audit, IsolatedPages) {
  ++zone().isolated_pages;
  EXPECT_EQ(said(), "isolated_pages is not the sum over the lists (sum {}, isolated_pages {})");
}
TEST_F(Audit, Nonempty) {
  zone().nonempty[2] = zone().nonempty[2] | 1;
  EXPECT_EQ(said(), "nonempty is not what pageblocks have (type {}, orders {:#x})");
}
TEST_F(Audit, NonemptyGiga) {
  zone().nonempty_giga = zone().nonempty_giga | 1 << 18;
  EXPECT_EQ(said(), "nonempty_giga is not what GiBs have (orders {:#x}, marked {:#x})");
}
TEST_F(Audit, ARegionFiledTwice) {
  Region before = broken();
  broken().free = 0;
  zone().pageblocks.file(2, zone().pageblocks.index(held), before.free, before.largest);
  EXPECT_EQ(said(), "a region is filed wrongly (address {:#x}, set {})");
}
TEST_F(Audit, ARegionFiledNowhere) {
  const Region before = broken();
  zone().pageblocks.file(0, zone().pageblocks.index(held), 0, 0);
  broken() = before;
  EXPECT_EQ(said(), "a region is filed wrongly (address {:#x}, set {})");
}
TEST_F(Audit, FreeOfARegion) {
  --broken().free;
  EXPECT_EQ(said(), "what a region has free is not what its map says (address {:#x}, in map {})");
}
TEST_F(Audit, FreeOfAGiga) {
  --giga().free;
  EXPECT_EQ(said(), "what a region has free is not what its map says (address {:#x}, in map {})");
}
TEST_F(Audit, LargestOfARegion) {
  broken().largest ^= 1;
  EXPECT_EQ(said(), "a region's largest block is another (address {:#x}, largest {})");
}
TEST_F(Audit, LinkOut) {
  const FrameIndex head = list().head;
  machine.page(a.node(0).pfn(head)).next = 0x7fffffff;
  EXPECT_EQ(said(), "a list leads out of the zone (index {:#x})");
}
TEST_F(Audit, LinkBack) {
  const FrameIndex tail = list().tail;
  machine.page(a.node(0).pfn(tail)).prev = 7;
  EXPECT_EQ(said(), "a list's links do not agree (address {:#x}, prev {:#x})");
}
TEST_F(Audit, Tail) {
  list().tail = 3;
  EXPECT_EQ(said(), "a list does not end at its tail (index {:#x}, tail {:#x})");
}
TEST_F(Audit, TypeOfAPageblock) {
  node().blocks.set(held, Pageblock{PageblockState::Described, Migratetype::Reclaimable, false});
  EXPECT_EQ(said(), "a region is filed wrongly (address {:#x}, set {})");
}
TEST_F(Audit, APageblockThatIsNotDescribed) {
  node().blocks.set(held, Pageblock{PageblockState::HeadValid, Migratetype::Unmovable, false});
  EXPECT_EQ(said(), "a region is filed wrongly (address {:#x}, set {})");
}
TEST_F(Audit, APageblockThatStaysApart) {
  node().blocks.set(whole(), Pageblock{PageblockState::HeadValid, Migratetype::Isolate, false});
  EXPECT_EQ(said(), "a pageblock that stays apart is its GiB's (address {:#x}, type {})");
}
TEST_F(Audit, AFrameThatIsFreeTwice) {
  const RegionIndex index = zone().pageblocks.index(whole());
  describe(node(), whole());
  zone().pageblocks.map(index).set(3, 0, true);
  zone().pageblocks.file(1, index, 1, 0);
  zone().nonempty[1] = zone().pageblocks.orders(1);
  ++zone().free_pages;
  EXPECT_EQ(said(), "a frame that is free twice (address {:#x}, order {})");
}
TEST_F(Audit, AFreeFrameOnNoList) {
  const RegionIndex index = zone().pageblocks.index(whole());
  describe(node(), whole());
  zone().gigas.map(zone().gigas.index(whole())).set(zone().gigas.unit(whole()), 0, false);
  --giga().free;
  zone().pageblocks.map(index).fill(true);
  EXPECT_NE(said(), "in order");
}
TEST_F(Audit, ABlockOverAFreeFrame) {
  zone()
      .pageblocks.map(zone().pageblocks.index(held))
      .set(zone().pageblocks.unit(held) + 3, 0, true);
  ++broken().free;
  EXPECT_NE(said(), "in order");
}
TEST_F(Audit, AFrameWithAPageblocksOrder) {
  machine.page(held).set_tag(Tag{BlockState::Allocated, 9, ZoneType::Dma32, 0});
  EXPECT_EQ(said(), "a frame's Page with a pageblock's order (address {:#x}, tag {:#x})");
}
TEST_F(Audit, APageblocksPageWithASmallOrder) {
  node().head(whole()).set_tag(Tag{BlockState::Allocated, 3, ZoneType::Dma32, 0});
  EXPECT_EQ(said(), "a small block as a pageblock's own (address {:#x}, tag {:#x})");
}
TEST_F(Audit, AFreeTag) {
  machine.page(held).set_tag(Tag{BlockState::Free, 3, ZoneType::Dma32, 0});
  EXPECT_EQ(said(), "a tag without a state (address {:#x}, tag {:#x})");
}
TEST_F(Audit, ABlockInsideABlock) {
  machine.page(held + 2).set_tag(Tag{BlockState::Allocated, 1, ZoneType::Dma32, 0});
  EXPECT_EQ(said(), "a block inside another (address {:#x}, order {})");
}
TEST_F(Audit, ABlockThatIsNotAligned) {
  const Pfn odd = held;
  machine.page(odd).set_tag(Tag{BlockState::Allocated, 5, ZoneType::Dma32, 0});
  EXPECT_NE(said(), "in order");
}
TEST_F(Audit, ABlockOfAnotherZone) {
  machine.page(held).set_tag(Tag{BlockState::Allocated, 3, ZoneType::Normal, 0});
  EXPECT_EQ(said(), "a block that leaves its zone (address {:#x}, order {})");
}
TEST_F(Audit, ABlockWithoutAReference) {
  machine.page(held).count = 0;
  EXPECT_EQ(said(), "an allocated block without a reference (address {:#x}, order {})");
}
TEST_F(Audit, ALostBlock) {
  machine.page(held).set_tag(Tag{});
  EXPECT_EQ(said(), "free + on CPUs' lists + allocated is not managed (sum {}, managed {})");
}
TEST_F(Audit, Managed) {
  ++zone().managed;
  EXPECT_EQ(said(), "free + on CPUs' lists + allocated is not managed (sum {}, managed {})");
}
TEST_F(Audit, CpuCount) {
  ++pcp().room;
  EXPECT_EQ(said(), "a CPU's count is not what is on its lists (CPU {}, found {})");
}
TEST_F(Audit, DeferredPages) {
  ++zone().deferred_pages;
  EXPECT_EQ(said(), "deferred_pages is not what waits for the lock (found {}, counted {})");
}
TEST_F(Audit, CpuListTag) {
  const HotList& list = pcp().lists[pcp_list(0, Migratetype::Unmovable)];
  node().mem_map[list.head].set_tag(Tag{BlockState::Allocated, 0, ZoneType::Dma32, 0});
  EXPECT_EQ(said(), "a block on a CPU's list says it is something else (address {:#x}, tag {:#x})");
}
TEST_F(Audit, PageblockByte) {
  node().blocks.set(held, Pageblock{uint8_t{0x1f}});
  EXPECT_NE(said(), "in order");
}
TEST_F(Audit, IsolatedPageblocks) {
  ++zone().isolated_pageblocks;
  EXPECT_EQ(said(), "the number of isolated pageblocks is wrong (found {}, counted {})");
}
TEST_F(Audit, Watermarks) {
  zone().watermark[0] = 1 << 20;
  EXPECT_EQ(said(), "the watermarks do not rise (min {}, high {})");
}
TEST_F(Audit, Marks) {
  node().choices[0].mark += 1;
  EXPECT_EQ(said(), "a choice's mark is not low + reserve + highatomic (mark {}, sum {})");
}
TEST_F(Audit, Zonelist) {
  std::swap(node().zonelist[0], node().zonelist[1]);
  EXPECT_EQ(said(), "a zonelist is not in fallback order (node {}, position {})");
}
TEST_F(Audit, Preferred) {
  node().preferred[mm::ZoneType::Dma] = nullptr;
  EXPECT_EQ(said(), "a preferred zone is not the first that may serve (node {}, highest zone {})");
}

TEST(AuditRuns, ARunOfGibibytes) {
  PretendMachine machine({{{at(4 * kGiB, 9 * kGiB)}}});
  auto& a = machine.allocator;
  ASSERT_TRUE(machine.release_all().ok());
  ASSERT_TRUE(audit(a).ok());
  Zone& zone = const_cast<Zone&>(a.node(0).zones[ZoneType::Normal]);
  const RegionIndex head = zone.gigas.lowest(kWholeGiga, 0);
  auto& run = zone.gigas.run(head);
  EXPECT_EQ(run, 5u);
  --run;
  EXPECT_STREQ(audit(a).error().what,
               "free_pages is not the sum over the lists (sum {}, free_pages {})");
  run = 6;
  EXPECT_STREQ(audit(a).error().what,
               "a GiB of a run is not marked as such (address {:#x}, run {:#x})");
  run = 0;
  EXPECT_STREQ(audit(a).error().what, "a run of no GiBs (address {:#x})");
  run = 5;
  zone.gigas.map(head).set(7, 0, false);
  EXPECT_STREQ(audit(a).error().what,
               "what a region has free is not what its map says (address {:#x}, in map {})");
}

}  // namespace
}  // namespace mm::test
