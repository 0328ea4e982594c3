// Pageblocks by type: who takes from whom, what changes type, and how isolation splits blocks.
#include <gtest/gtest.h>

#include "mm/audit.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

using Strings = std::vector<std::string>;

constexpr Gfp kMovable = kGfpNoWait | kGfpFlagMovable;
constexpr Gfp kUnmovable = kGfpNoWait;
constexpr Gfp kReclaimable = kGfpNoWait | kGfpFlagReclaimable;

// 16 MiB of DMA32 alone, at 16 MiB: eight pageblocks.
class Types : public testing::Test {
 protected:
  Types() : machine({{{at(16 * kMiB, 32 * kMiB)}}}), a(machine.allocator) {
    EXPECT_TRUE(machine.release_all().ok());
  }
  ~Types() override {
    const Result<> result = audit(a);
    EXPECT_TRUE(result.ok()) << result.error().what << std::hex << " " << result.error().a;
  }
  Pfn alloc(Gfp gfp, unsigned order) {
    const PagesOr got = a.alloc_pages(0, gfp, order, 0);
    EXPECT_TRUE(got.ok());
    return got.value();
  }
  void free(Pfn pfn, unsigned order) { EXPECT_TRUE(a.free_pages(0, pfn, order).ok()); }
  Migratetype type(Pfn pfn) { return a.owner_of(pfn).migratetype; }
  unsigned blocks_of(Migratetype wanted) {
    unsigned count = 0;
    for (Pfn pfn{0x1000}; pfn.v < 0x2000; pfn += kPageblockFrames) count += type(pfn) == wanted;
    return count;
  }
  PretendMachine<> machine;
  PageAllocator<OneCpu>& a;
};

TEST_F(Types, AllIsMovableAtFirst) { EXPECT_EQ(blocks_of(Migratetype::Movable), 8u); }

TEST_F(Types, OnePageForTheKernelTakesOnePageblock) {
  const Pfn pfn = alloc(kUnmovable, 0);
  EXPECT_EQ(type(pfn), Migratetype::Unmovable);
  EXPECT_EQ(blocks_of(Migratetype::Unmovable), 1u);
  // More of them stay in the same pageblock.
  for (unsigned i = 1; i < 512; ++i) {
    EXPECT_EQ(align_down(alloc(kUnmovable, 0), 512), align_down(pfn, 512));
  }
  EXPECT_EQ(blocks_of(Migratetype::Unmovable), 1u);
  (void)alloc(kUnmovable, 0);
  EXPECT_EQ(blocks_of(Migratetype::Unmovable), 2u);
}

TEST_F(Types, ALargeBlockChangesItsFirstPageblockOnly) {
  const Pfn pfn = alloc(kUnmovable, 11);
  EXPECT_EQ(type(pfn), Migratetype::Unmovable);
  EXPECT_EQ(type(pfn + 512), Migratetype::Movable);
  free(pfn, 11);
  // The whole is on the list of its first pageblock's type. Split, each piece goes to its own.
  const Pfn page = alloc(kUnmovable, 0);
  EXPECT_EQ(align_down(page, 512), pfn);
  EXPECT_EQ(blocks_of(Migratetype::Unmovable), 1u);
  EXPECT_EQ(free_blocks(a),
            (Strings{"0 DMA32 0x1001 order 0 Unmovable", "0 DMA32 0x1002 order 1 Unmovable",
                     "0 DMA32 0x1004 order 2 Unmovable", "0 DMA32 0x1008 order 3 Unmovable",
                     "0 DMA32 0x1010 order 4 Unmovable", "0 DMA32 0x1020 order 5 Unmovable",
                     "0 DMA32 0x1040 order 6 Unmovable", "0 DMA32 0x1080 order 7 Unmovable",
                     "0 DMA32 0x1100 order 8 Unmovable", "0 DMA32 0x1200 order 9 Movable",
                     "0 DMA32 0x1400 order 10 Movable", "0 DMA32 0x1800 order 11 Movable"}));
}

TEST_F(Types, WhenNoPageblockIsFreeTheLargestPieceIsTaken) {
  // Every pageblock holds one movable page: the others' requests must go in among them.
  std::vector<Pfn> large;
  for (unsigned i = 0; i < 8; ++i) large.push_back(alloc(kMovable, 9));
  for (const Pfn pfn : large) free(pfn, 9);
  std::vector<Pfn> held;
  for (unsigned i = 0; i < 8 * 512; ++i) held.push_back(alloc(kMovable, 0));
  std::sort(held.begin(), held.end());
  for (const Pfn pfn : held) {
    if (pfn.v % 512 != 0) free(pfn, 0);
  }
  EXPECT_EQ(blocks_of(Migratetype::Movable), 8u);
  // Unmovable: more than half of the pageblock is free, so it becomes Unmovable.
  const Pfn kernel = alloc(kUnmovable, 0);
  EXPECT_EQ(type(kernel), Migratetype::Unmovable);
  EXPECT_EQ(blocks_of(Migratetype::Unmovable), 1u);
  // Reclaimable looks at Unmovable pageblocks first, and takes over one that is mostly free.
  const Pfn slab = alloc(kReclaimable, 3);
  EXPECT_EQ(align_down(slab, 512), align_down(kernel, 512));
  EXPECT_EQ(blocks_of(Migratetype::Reclaimable), 1u);
  EXPECT_EQ(blocks_of(Migratetype::Movable), 7u);
}

TEST_F(Types, APageblockThatIsMostlyInUseKeepsItsType) {
  // Of each pageblock the first half and 64 pages more are in use: what the kernel takes of the
  // rest is a guest's.
  std::vector<Pfn> pages;
  for (unsigned i = 0; i < 8 * 512; ++i) pages.push_back(alloc(kMovable, 0));
  for (const Pfn pfn : pages) {
    if (pfn.v % 512 >= 256 + 64) free(pfn, 0);
  }
  const Pfn kernel = alloc(kUnmovable, 0);
  EXPECT_EQ(type(kernel), Migratetype::Movable);
  EXPECT_EQ(blocks_of(Migratetype::Movable), 8u);
  EXPECT_EQ(a.counts().free, 8u * (256 - 64) - 1);
}

TEST_F(Types, MovableBorrowsTheSmallestThatServes) {
  const Pfn one = alloc(kUnmovable, 0);
  std::vector<Pfn> rest;
  for (unsigned i = 0; i < 7; ++i) rest.push_back(alloc(kMovable, 9));
  // What is left lies in the Unmovable pageblock.
  const Pfn borrowed = alloc(kMovable, 8);
  EXPECT_EQ(align_down(borrowed, 512), align_down(one, 512));
  EXPECT_EQ(blocks_of(Migratetype::Unmovable) + blocks_of(Migratetype::Movable), 8u);
}

TEST_F(Types, IsolationCutsPageblocksOut) {
  ASSERT_TRUE(a.isolate(at(20 * kMiB, 22 * kMiB)).ok());
  EXPECT_EQ(free_blocks(a), (Strings{"0 DMA32 0x1000 order 10 Movable",  //
                                     "0 DMA32 0x1400 order 9 Isolate",   //
                                     "0 DMA32 0x1600 order 9 Movable",   //
                                     "0 DMA32 0x1800 order 11 Movable"}));
  EXPECT_EQ(a.counts().isolated, 512u);
  EXPECT_EQ(a.node(0).zones[mm::ZoneType::Dma32].free_pages, 7u * 512);
  // Nobody gets it.
  std::vector<Pfn> all;
  for (PagesOr got = a.alloc_pages(0, kMovable, 0, 0); got.ok();
       got = a.alloc_pages(0, kMovable, 0, 0)) {
    ASSERT_FALSE(at(20 * kMiB, 22 * kMiB).contains(got.value()));
    all.push_back(got.value());
  }
  EXPECT_EQ(all.size(), 7u * 512);
  for (const Pfn pfn : all) free(pfn, 0);
  ASSERT_TRUE(a.unisolate(at(20 * kMiB, 22 * kMiB)).ok());
  a.drain_all();
  EXPECT_EQ(free_blocks(a), (Strings{"0 DMA32 0x1000 order 12 Movable"}));
}

TEST_F(Types, IsolatedPageblocksStayByThemselves) {
  ASSERT_TRUE(a.isolate(at(16 * kMiB, 20 * kMiB)).ok());
  EXPECT_EQ(free_blocks(a),
            (Strings{"0 DMA32 0x1000 order 9 Isolate", "0 DMA32 0x1200 order 9 Isolate",
                     "0 DMA32 0x1400 order 10 Movable", "0 DMA32 0x1800 order 11 Movable"}));
  ASSERT_TRUE(a.unisolate(at(18 * kMiB, 20 * kMiB)).ok());
  EXPECT_EQ(free_blocks(a),
            (Strings{"0 DMA32 0x1000 order 9 Isolate", "0 DMA32 0x1200 order 9 Movable",
                     "0 DMA32 0x1400 order 10 Movable", "0 DMA32 0x1800 order 11 Movable"}));
}

TEST_F(Types, WhatIsFreedIntoAnIsolatedPageblockStaysThere) {
  const Pfn large = alloc(kMovable, 11);
  const Pfn small = alloc(kMovable, 0);
  ASSERT_TRUE(a.isolate({large + 512, large + 1024}).ok());
  ASSERT_TRUE(a.isolate({align_down(small, 512), align_down(small, 512) + 512}).ok());
  free(large, 11);  // in part isolated by now
  free(small, 0);
  EXPECT_EQ(a.counts().isolated, 1024u);
  EXPECT_EQ(a.counts().free, a.counts().managed);
}

TEST_F(Types, IsolationRefusesWhatIsNotWholePageblocksOfOneZone) {
  EXPECT_FALSE(a.isolate(at(16 * kMiB, 17 * kMiB)).ok());
  EXPECT_FALSE(a.isolate(at(14 * kMiB, 18 * kMiB)).ok());
  EXPECT_FALSE(a.isolate(at(40 * kMiB, 42 * kMiB)).ok());
  EXPECT_FALSE(a.isolate(at(16 * kMiB, 16 * kMiB)).ok());
  EXPECT_FALSE(a.unisolate(at(16 * kMiB, 18 * kMiB), Migratetype::Isolate).ok());
}

TEST_F(Types, LargerAtomicAllocationsKeepAPageblock) {
  a.setup_watermarks();
  // Down to where only atomic ones succeed.
  while (a.alloc_pages(0, kGfpKernel | kGfpFlagNoWarn | kGfpFlagNoRetry, 2, 0).ok()) {
  }
  const PagesOr atomic = a.alloc_pages(0, kGfpAtomic | kGfpFlagNoWarn, 2, 0);
  ASSERT_TRUE(atomic.ok());
  EXPECT_EQ(type(atomic.value()), Migratetype::HighAtomic);
  EXPECT_EQ(a.node(0).zones[mm::ZoneType::Dma32].nr_reserved_highatomic, 512u);
  const Result<> result = audit(a);
  EXPECT_TRUE(result.ok()) << result.error().what;
  // A request that may wait, and fails, takes it back for all.
  EXPECT_FALSE(a.alloc_pages(0, kGfpKernel | kGfpFlagNoWarn, 0, 0).ok());
  EXPECT_EQ(a.node(0).zones[mm::ZoneType::Dma32].nr_reserved_highatomic, 0u);
  EXPECT_EQ(blocks_of(Migratetype::HighAtomic), 0u);
}

}  // namespace
}  // namespace mm::test
