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
  PretendMachine<> machine;
  PageAllocator<OneCpu>& a;
  Pfn held;
};

TEST_F(Audit, FreePages) {
  ++zone().free_pages;
  EXPECT_EQ(said(), "free_pages is not the sum over free_area (sum {}, free_pages {})");
}
TEST_F(Audit, IsolatedPages) {
  ++zone().isolated_pages;
  EXPECT_EQ(said(), "isolated_pages is not the sum over free_area (sum {}, isolated_pages {})");
}
TEST_F(Audit, NrFree) {
  ++zone().free_area[a_free_block().order].nr_free;
  EXPECT_EQ(said(), "nr_free is not the number of blocks on the lists (found {}, nr_free {})");
}
TEST_F(Audit, NrFreeTooSmall) {
  --zone().free_area[a_free_block().order].nr_free;
  EXPECT_EQ(said(), "a list is longer than its count or a circle (address {:#x}, count {})");
}
TEST_F(Audit, NonEmpty) {
  zone().nonempty[2] = zone().nonempty[2] | 1;
  EXPECT_EQ(said(), "a list is empty and marked as not, or the other way (order {}, type {})");
}
TEST_F(Audit, TagOnAList) {
  machine.page(a_free_block().pfn).word = 0;
  EXPECT_EQ(said(), "a block on a free list says it is something else (address {:#x}, tag {:#x})");
}
TEST_F(Audit, LinkOutOfMap) {
  machine.page(a_free_block().pfn).next = 0x7fffffff;
  EXPECT_EQ(said(), "a list leads out of mem_map (frame index {:#x})");
}
TEST_F(Audit, LinkBack) {
  machine.page(a_free_block().pfn).prev = 7;
  EXPECT_EQ(said(), "a list's links do not agree (address {:#x}, prev {:#x})");
}
TEST_F(Audit, Tail) {
  FreeArea& area = zone().free_area[a_free_block().order];
  for (FrameList& list : area.lists) {
    if (!list.empty()) list.tail = 3;
  }
  EXPECT_EQ(said(), "a list does not end at its tail (frame index {:#x}, tail {:#x})");
}
TEST_F(Audit, TypeOfAPageblock) {
  const Pfn pfn = a_free_block(9).pfn;
  const Pageblock block = node().blocks.at(pfn);
  node().blocks.set(pfn, Pageblock{block.state(), Migratetype::Reclaimable, false});
  EXPECT_EQ(
      said(),
      "a free block is on the list of another type than its pageblock's (address {:#x}, type {})");
}
TEST_F(Audit, AFreeBlockOnNoList) {
  machine.page(held).set_tag(Tag{BlockState::Free, 3, ZoneType::Dma32, 0});
  EXPECT_EQ(said(),
            "free blocks in mem_map and on lists differ in number (in mem_map {}, on lists {})");
}
TEST_F(Audit, ABlockInsideABlock) {
  machine.page(held + 2).set_tag(Tag{BlockState::Allocated, 1, ZoneType::Dma32, 0});
  EXPECT_EQ(said(), "a block inside another (address {:#x}, order {})");
}
TEST_F(Audit, ABlockThatIsNotAligned) {
  const Pfn odd = held;
  machine.page(odd).set_tag(Tag{BlockState::Allocated, 12, ZoneType::Dma32, 0});
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
  Page& head = machine.page({frames(4 * kGiB)});
  EXPECT_EQ(head.count, 5u);
  --head.count;
  EXPECT_STREQ(audit(a).error().what,
               "nr_free is not the number of blocks on the lists (found {}, nr_free {})");
  head.count = 6;
  EXPECT_STREQ(audit(a).error().what,
               "a block of a run is not marked as such (address {:#x}, run {:#x})");
}

TEST(AuditMerge, TwoHalvesSideBySide) {
  PretendMachine machine({{{at(16 * kMiB, 32 * kMiB)}}});
  auto& a = machine.allocator;
  // Two halves that were filed without a look at each other.
  ASSERT_TRUE(machine.release_all().ok());
  const Pfn one = a.alloc_pages(0, kGfpNoWait | kGfpFlagMovable, 11, 0).value();
  auto& node = const_cast<Node&>(a.node(0));
  Zone& zone = node.zones[mm::ZoneType::Dma32];
  ASSERT_EQ(one.v, 0x1000u);
  FrameList& list = zone.free_area[11].lists[1];
  Page& page = machine.page(one);
  page.set_tag(Tag{BlockState::Free, 11, ZoneType::Dma32, 0});
  list.add_head(node.mem_map, node.index(one));
  ++zone.free_area[11].nr_free;
  zone.free_pages += 2048;
  EXPECT_STREQ(audit(a).error().what,
               "two free blocks that should have been merged (address {:#x}, order {})");
}

}  // namespace
}  // namespace mm::test
