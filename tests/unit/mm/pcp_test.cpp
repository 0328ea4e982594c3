// Per-CPU page lists: what goes on them, when it goes back, and whose they are.
#include "mm/pcp.h"

#include <gtest/gtest.h>

#include <vector>

#include "mm/audit.h"
#include "mm/page_alloc.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

constexpr Gfp kMovable = kGfpKernel | kGfpFlagMovable;

// 1 GiB of DMA32 and two CPUs: batch 63.
class PcpLists : public testing::Test {
 protected:
  PcpLists() : machine({{{at(1 * kGiB, 2 * kGiB)}}}, 2), a(machine.allocator) {
    EXPECT_TRUE(machine.release_all().ok());
    EXPECT_TRUE(a.start_cpu(1, 0).ok());
    a.setup_watermarks();
  }
  ~PcpLists() override {
    const Result<> result = audit(a);
    EXPECT_TRUE(result.ok()) << result.error().what << std::hex << " " << result.error().a;
  }
  [[nodiscard]] const Pcp& pcp(unsigned cpu) const {
    return a.pcp(cpu, a.node(0).zones[ZoneType::Dma32]);
  }
  std::vector<Pfn> take(unsigned cpu, unsigned order, unsigned count) {
    std::vector<Pfn> blocks;
    while (blocks.size() < count) {
      blocks.push_back(a.alloc_pages(cpu, kMovable, order, 0).value());
    }
    return blocks;
  }
  void give(unsigned cpu, unsigned order, const std::vector<Pfn>& blocks) {
    for (const Pfn pfn : blocks) ASSERT_TRUE(a.free_pages(cpu, pfn, order).ok());
  }
  PretendMachine<> machine;
  PageAllocator<OneCpu>& a;
};

TEST_F(PcpLists, BootPageSetsKeepNothing) {
  const std::vector<Pfn> pages = take(0, 0, 3);
  EXPECT_EQ(pcp(0).count(), 0);
  give(0, 0, pages);
  EXPECT_EQ(pcp(0).count(), 0);
  EXPECT_EQ(a.counts().free, a.counts().managed);
}

TEST_F(PcpLists, PageSetsOfLinux414HoldSixBatches) {
  EXPECT_EQ(pcp(0).high, 0);  // the boot page set: batch 0 makes these of it
  EXPECT_EQ(pcp(0).batch, 1);
  a.setup_per_cpu_pageset(PageSets::Linux414);
  EXPECT_EQ(pcp(0).batch, 31);  // of 1 GiB: 512 KiB / 4, and of that 2^n - 1 pages
  EXPECT_EQ(pcp(0).high, 186);
  EXPECT_EQ(pcp(1).high, 186);
  // With `high` pages on the list a batch goes back.
  std::vector<Pfn> pages = take(0, 0, 400);
  const int32_t fetched = pcp(0).count();
  give(0, 0, {pages.begin(), pages.begin() + (186 - fetched - 1)});
  EXPECT_EQ(pcp(0).count(), 185);
  pages.erase(pages.begin(), pages.begin() + (186 - fetched - 1));
  give(0, 0, {pages.back()});
  pages.pop_back();
  EXPECT_LT(pcp(0).count(), 186);
  give(0, 0, pages);
  EXPECT_LT(pcp(0).count(), 186);
}

TEST_F(PcpLists, ABatchIsFetchedAndAlsoCountsAsNotFree) {
  a.setup_per_cpu_pageset();
  ASSERT_EQ(pcp(0).batch, 63);
  const std::vector<Pfn> page = take(0, 0, 1);
  EXPECT_EQ(pcp(0).count(), 62);
  EXPECT_EQ(pcp(1).count(), 0);  // another CPU's are its own
  EXPECT_EQ(a.counts().free, a.counts().managed - 63);
  EXPECT_EQ(a.counts().on_cpu_lists, 62u);
  EXPECT_EQ(a.counts().allocated(), 1u);
  give(1, 0, page);  // goes to the list of the CPU that frees
  EXPECT_EQ(pcp(0).count(), 62);
  EXPECT_EQ(pcp(1).count(), 1);
}

// Linux since 6.7.
TEST_F(PcpLists, EachFetchIsTwiceTheLastUntilPagesGoBack) {
  a.setup_per_cpu_pageset();
  std::vector<Pfn> pages = take(0, 0, 1);
  EXPECT_EQ(pcp(0).count(), 62);
  for (int32_t fetch = 126; fetch <= 504; fetch *= 2) {
    const auto more = static_cast<unsigned>(pcp(0).count()) + 1;
    for (const Pfn page : take(0, 0, more)) pages.push_back(page);
    EXPECT_EQ(pcp(0).count(), fetch - 1);
  }
  give(0, 0, pages);
  a.drain(0);
  give(0, 0, take(0, 0, 1));
  EXPECT_EQ(pcp(0).count(), 63);
}

// Numbered from 0, of two CPUs: the part of a GiB that the block is in, and so its CPU.
unsigned stripe_of(Pfn pfn) {
  return static_cast<unsigned>(pfn.v / (FreeMap::kWordUnits * kPageblockFrames) % 2);
}

TEST_F(PcpLists, EachCpuTakesFromItsOwnStripeFirst) {
  a.setup_per_cpu_pageset();
  for (const unsigned order : {0, 3, 9}) {
    for (const unsigned cpu : {0U, 1U, 0U}) {
      const std::vector<Pfn> blocks = take(cpu, order, order == 9 ? 50 : 3000);
      for (const Pfn pfn : blocks) ASSERT_EQ(stripe_of(pfn), cpu) << order << " " << pfn.v;
      give(cpu, order, blocks);
    }
    a.drain_all();
  }
}

TEST_F(PcpLists, OneCpuCanHaveWhatIsInAllStripes) {
  a.setup_per_cpu_pageset();
  constexpr Gfp kAll = kMovable | kGfpFlagMemAlloc;
  for (const unsigned order : {9U, 0U}) {
    std::vector<Pfn> blocks;
    for (PagesOr block = a.alloc_pages(1, kAll, order, 0); block;
         block = a.alloc_pages(1, kAll, order, 0)) {
      blocks.push_back(block.value());
    }
    EXPECT_EQ(a.counts().allocated(), a.counts().managed);
    give(1, order, blocks);
    a.drain_all();
    EXPECT_EQ(free_blocks(a).size(), 1u);
  }
}

// 4 GiB of DMA32 and Normal for two CPUs: in how many GiBs something was taken.
class Stripes : public testing::Test {
 protected:
  Stripes() : machine({{{at(4 * kGiB, 8 * kGiB)}}}, 2), a(machine.allocator) {
    EXPECT_TRUE(machine.release_all().ok());
    EXPECT_TRUE(a.start_cpu(1, 0).ok());
    a.setup_watermarks();
    a.setup_per_cpu_pageset();
  }
  ~Stripes() override { EXPECT_TRUE(audit(a).ok()); }
  [[nodiscard]] uint64_t broken_gigas() const {
    const Zone& zone = a.node(0).zones[ZoneType::Normal];
    return 4 - count_free_blocks(zone).total(kMaxOrder);
  }
  void take(unsigned cpu, unsigned order, unsigned count) {
    for (; count != 0; --count) ASSERT_TRUE(a.alloc_pages(cpu, kMovable, order, 0));
  }
  PretendMachine<> machine;
  PageAllocator<OneCpu>& a;
};

// Whoever works alone breaks no GiB for as long as another CPU's stripe has pageblocks.
TEST_F(Stripes, OneCpuUsesUpAGiBBeforeTheNext) {
  take(0, 9, 440);
  EXPECT_EQ(broken_gigas(), 1u);
}

// When both work each goes on in its own.
TEST_F(Stripes, TwoCpusGoOnInTheNextGiB) {
  for (unsigned i = 0; i < 300; ++i) {
    const Pfn pfn = a.alloc_pages(1, kMovable, 9, 0).value();
    ASSERT_EQ(stripe_of(pfn), 1u) << i;
    take(0, 9, 1);
  }
  EXPECT_EQ(broken_gigas(), 2u);
}

TEST_F(PcpLists, TheNewestPageIsHandedOutFirst) {
  a.setup_per_cpu_pageset();
  const std::vector<Pfn> pages = take(0, 0, 2);
  give(0, 0, pages);
  EXPECT_EQ(take(0, 0, 2), (std::vector<Pfn>{pages[1], pages[0]}));
}

TEST_F(PcpLists, OrdersUpToThreeAndNineAreKeptOthersAreNot) {
  a.setup_per_cpu_pageset();
  for (unsigned order = 0; order <= kMaxOrder - 2; ++order) {
    a.drain_all();
    give(0, order, take(0, order, 1));
    const bool kept = order <= 3 || order == 9;
    EXPECT_EQ(a.counts().on_cpu_lists != 0, kept) << order;
    EXPECT_EQ(pcp_allowed_order(order), kept) << order;
  }
}

TEST_F(PcpLists, AboveTheirLimitPartGoesBack) {
  a.setup_per_cpu_pageset();
  const int32_t high = pcp(0).high;
  ASSERT_GT(high, 2 * 63);
  const std::vector<Pfn> pages = take(0, 0, static_cast<unsigned>(high) + 500);
  a.drain_all();
  size_t freed = 0;
  const auto free = [&](int32_t count) {
    for (; count > 0; --count) ASSERT_TRUE(a.free_pages(0, pages[freed++], 0).ok());
  };
  free(high - 1);
  EXPECT_EQ(pcp(0).count(), high - 1);
  free(1);  // the limit is reached: a batch goes back
  EXPECT_EQ(pcp(0).count(), high - 63);
  // Frees in a row: each time twice as much goes back at once.
  free(63);
  EXPECT_EQ(pcp(0).count(), high - 2 * 63);
  // An allocation between calms that.
  EXPECT_EQ(take(0, 0, 1).size(), 1u);
  free(2 * 63 + 1);
  EXPECT_EQ(pcp(0).count(), high - 2 * 63);
  free(static_cast<int32_t>(pages.size() - freed));
}

TEST_F(PcpLists, HugePagesHaveALimitOfTheirOwn) {
  a.setup_per_cpu_pageset();
  const int32_t limit = pcp(0).huge_high;
  ASSERT_GT(limit, 0);
  const std::vector<Pfn> blocks = take(0, 9, static_cast<unsigned>(limit) + 3);
  give(0, 9, blocks);
  EXPECT_LE(pcp(0).huge_count(), limit);
  EXPECT_GT(pcp(0).huge_count(), 0);
  EXPECT_EQ(pcp(0).count(), 0);
}

TEST_F(PcpLists, DrainedListsLeaveBuddyAsItWas) {
  a.setup_per_cpu_pageset();
  const std::vector<std::string> before = free_blocks(a);
  for (unsigned cpu = 0; cpu < 2; ++cpu) {
    for (const unsigned order : {0, 1, 2, 3, 9}) give(cpu, order, take(cpu, order, 7));
  }
  EXPECT_GT(a.counts().on_cpu_lists, 2u * 512);
  a.drain(1);
  EXPECT_EQ(pcp(1).count() + pcp(1).huge_count(), 0);
  EXPECT_GT(pcp(0).count(), 0);
  a.drain_all();
  EXPECT_EQ(a.counts().on_cpu_lists, 0u);
  EXPECT_EQ(free_blocks(a), before);
}

TEST_F(PcpLists, AnIsolatedPageblocksPagesAreNotKept) {
  a.setup_per_cpu_pageset();
  const std::vector<Pfn> pages = take(0, 0, 1);
  a.drain_all();
  const Pfn pageblock = align_down(pages[0], kPageblockFrames);
  ASSERT_TRUE(a.isolate({pageblock, pageblock + kPageblockFrames}).ok());
  give(0, 0, pages);
  EXPECT_EQ(a.counts().on_cpu_lists, 0u);
  EXPECT_EQ(a.counts().isolated, 512u);
  ASSERT_TRUE(a.unisolate({pageblock, pageblock + kPageblockFrames}).ok());
}

}  // namespace
}  // namespace mm::test
