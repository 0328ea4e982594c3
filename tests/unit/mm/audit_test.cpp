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
  Page& head(const FreeBlock& block) { return node().head(block.pfn); }
  Page& broken_head() { return node().head(held); }
  Published<uint64_t>& nr_free(const FreeBlock& block) {
    return zone().area(block.order).nr_free[static_cast<size_t>(block.migratetype)];
  }
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
TEST_F(Audit, NrFree) {
  ++nr_free(a_free_block(9));
  EXPECT_EQ(said(), "nr_free is not the number of blocks on the list (found {}, nr_free {})");
}
TEST_F(Audit, NrFreeTooSmall) {
  --nr_free(a_free_block(9));
  EXPECT_EQ(said(), "a list is longer than its count or a circle (address {:#x}, count {})");
}
TEST_F(Audit, NonEmpty) {
  zone().nonempty[2] = zone().nonempty[2] | 1 << 9;
  EXPECT_EQ(said(), "a list is empty and marked as not, or the other way (order {}, type {})");
}
TEST_F(Audit, NonEmptyBroken) {
  zone().nonempty[2] = zone().nonempty[2] | 1;
  EXPECT_EQ(said(),
            "nonempty is not what the lists of broken pageblocks are (type {}, {:#x})");
}
TEST_F(Audit, BrokenListMarked) {
  zone().broken[2].orders[1] |= 1;
  EXPECT_EQ(said(),
            "a list of broken pageblocks is empty and marked as not, or the other way (type {}, "
            "orders {:#x})");
}
TEST_F(Audit, BrokenTag) {
  broken_head().set_tag(Tag{});
  EXPECT_EQ(said(),
            "a broken pageblock says it is something else (address {:#x}, tag {:#x})");
}
TEST_F(Audit, BrokenCount) {
  --broken_head().count;
  EXPECT_EQ(said(), "a broken pageblock's count is not what is free (address {:#x}, free {})");
}
TEST_F(Audit, BrokenType) {
  const Pfn pfn = align_down(held, kPageblockFrames);
  node().blocks.set(pfn, Pageblock{PageblockState::Described, Migratetype::Reclaimable, false});
  EXPECT_EQ(said(),
            "a broken pageblock is on the list of another type than its own (address {:#x}, type {})");
}
TEST_F(Audit, BrokenOnTheWrongList) {
  // One frame less is free of the largest block, and one more of another.
  FreeMap& map = node().free_maps[node().record(held)];
  unsigned largest = map.largest();
  map.for_each_block([&](uint64_t frame, unsigned order) {
    if (order != largest) return true;
    for (unsigned i = 0; i < 2; ++i) {
      map.set(Pfn{frame + i}, 0, i != 0);
      map.set(Pfn{frame + frames_of(order) - 1 - i}, 0, i != 0);
    }
    return false;
  });
  broken_head().set_count(static_cast<uint32_t>(map.count()));
  EXPECT_NE(said(), "in order");
}
TEST_F(Audit, AFreeFrameWithATag) {
  machine.page(a_free_block().pfn).set_tag(Tag{BlockState::OnCpuList, 0, ZoneType::Dma32, 0});
  EXPECT_EQ(said(), "a free frame with a tag (address {:#x}, tag {:#x})");
}
TEST_F(Audit, ABlockOverAFreeFrame) {
  node().free_maps[node().record(held)].set(held + 3, 0, true);
  ++broken_head().count;
  EXPECT_NE(said(), "in order");
}
TEST_F(Audit, FramesFreeOfAWholePageblock) {
  const FreeBlock whole = a_free_block(9);
  describe(node(), whole.pfn);
  node().free_maps[node().record(whole.pfn)].set(whole.pfn, 0, true);
  EXPECT_EQ(said(),
            "frames free of a pageblock that is not broken (address {:#x}, tag {:#x})");
}
TEST_F(Audit, TagOnAList) {
  head(a_free_block(9)).word = 0;
  EXPECT_EQ(said(), "a block on a free list says it is something else (address {:#x}, tag {:#x})");
}
TEST_F(Audit, LinkOutOfMap) {
  head(a_free_block(9)).next = 0x7fffffff;
  EXPECT_EQ(said(), "a list leads out of mem_map (index {:#x})");
}
TEST_F(Audit, LinkBack) {
  head(a_free_block(9)).prev = 7;
  EXPECT_EQ(said(), "a list's links do not agree (address {:#x}, prev {:#x})");
}
TEST_F(Audit, Tail) {
  FreeArea& area = zone().area(a_free_block(9).order);
  for (FrameList& list : area.lists) {
    if (!list.empty()) list.tail = 3;
  }
  EXPECT_EQ(said(), "a list does not end at its tail (index {:#x}, tail {:#x})");
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
  const Pfn huge = a.alloc_pages(0, kGfpNoWait, 10, 0).value();
  node().head(huge).set_tag(Tag{BlockState::Free, 10, ZoneType::Dma32, 0});
  EXPECT_NE(said(), "in order");
}
TEST_F(Audit, AFrameWithAFreeTag) {
  machine.page(held).set_tag(Tag{BlockState::Free, 3, ZoneType::Dma32, 0});
  EXPECT_EQ(said(), "a frame's Page with a tag that it may not have (address {:#x}, tag {:#x})");
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
  Page& head = const_cast<Node&>(a.node(0)).head({frames(4 * kGiB)});
  EXPECT_EQ(head.count, 5u);
  --head.count;
  EXPECT_STREQ(audit(a).error().what,
               "nr_free is not the number of blocks on the list (found {}, nr_free {})");
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
  FrameList& list = zone.area(11).lists[1];
  Page& page = node.head(one);
  page.set_tag(Tag{BlockState::Free, 11, ZoneType::Dma32, 0});
  list.add_head(node.heads, node.record(one));
  ++zone.area(11).nr_free[1];
  zone.free_pages += 2048;
  EXPECT_STREQ(audit(a).error().what,
               "two free blocks that should have been merged (address {:#x}, order {})");
}

}  // namespace
}  // namespace mm::test
