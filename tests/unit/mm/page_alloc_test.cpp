// alloc_pages() and free_pages(): who gets what from where, and every wrong free by name.
#include "mm/page_alloc.h"

#include <gtest/gtest.h>
#include <algorithm>

#include "tests/support/pretend_memory.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

using Strings = std::vector<std::string>;

// 64 MiB, of which the kernel has [1 MiB, 3 MiB) and page 0 is nobody's.
std::vector<NodeRam> small() { return {{{at(0x1000, 64 * kMiB)}}}; }
std::vector<PfnRange> kernel() { return {at(1 * kMiB, 3 * kMiB)}; }

TEST(PageAlloc, HandedOverRamIsTheLargestAlignedBlocks) {
  PretendMachine machine(small());
  ASSERT_TRUE(machine.ready.ok()) << machine.ready.error().what;
  ASSERT_TRUE(machine.release_all(kernel()).ok());
  EXPECT_EQ(free_blocks(machine.allocator), (Strings{
                                                "0 DMA 0x1 order 0 Movable",   //
                                                "0 DMA 0x2 order 1 Movable",   //
                                                "0 DMA 0x4 order 2 Movable",   //
                                                "0 DMA 0x8 order 3 Movable",   //
                                                "0 DMA 0x10 order 4 Movable",  //
                                                "0 DMA 0x20 order 5 Movable",  //
                                                "0 DMA 0x40 order 6 Movable",  //
                                                "0 DMA 0x80 order 7 Movable",  //
                                                // 1 MiB to 3 MiB: the kernel
                                                "0 DMA 0x300 order 8 Movable",      //
                                                "0 DMA 0x400 order 10 Movable",     //
                                                "0 DMA 0x800 order 11 Movable",     //
                                                "0 DMA32 0x1000 order 12 Movable",  //
                                                "0 DMA32 0x2000 order 13 Movable",  //
                                            }));
  const ZoneCounts dma = machine.allocator.zone_counts(0, ZoneType::Dma);
  EXPECT_EQ(dma.managed, 4095u - 512u);
  EXPECT_EQ(dma.free, dma.managed);
}

TEST(PageAlloc, WhatIsAllocatedComesBackAsItWas) {
  PretendMachine machine(small());
  ASSERT_TRUE(machine.release_all(kernel()).ok());
  auto& allocator = machine.allocator;
  const Strings before = free_blocks(allocator);
  for (unsigned order = 0; order <= 13; ++order) {
    const PagesOr block = allocator.alloc_pages(0, kGfpKernel | kGfpFlagMovable, order, 0);
    ASSERT_TRUE(block.ok()) << order;
    EXPECT_EQ(block.value().v % frames_of(order), 0u);
    EXPECT_EQ(allocator.counts().allocated(), frames_of(order));
    const Freed freed = allocator.free_pages(0, block.value(), order);
    ASSERT_TRUE(freed.ok()) << freed.error().what;
    allocator.drain_all();
    EXPECT_EQ(free_blocks(allocator), before) << order;
  }
}

TEST(PageAlloc, OneGibibyteIsOneBlockOfEachOrderAndOnePageMore) {
  PretendMachine machine({{{at(1 * kGiB, 2 * kGiB)}}});
  ASSERT_TRUE(machine.release_all().ok());
  auto& a = machine.allocator;
  EXPECT_EQ(free_blocks(a), (Strings{"0 DMA32 0x40000 order 18 Movable"}));
  //  0x40000            0x60000     0x70000   ...          0x7fffe 0x7ffff 0x80000
  //     | order 17         | order 16  | 15 |14|13| ... | 2 | 1 |   0   |   0   |
  std::vector<Pfn> blocks;
  Pfn expected{0x40000};
  for (unsigned order = 18; order-- > 0;) {
    const PagesOr block = a.alloc_pages(0, kGfpKernel | kGfpFlagMovable, order, 0);
    ASSERT_TRUE(block.ok()) << order;
    EXPECT_EQ(block.value(), expected) << order;
    blocks.push_back(block.value());
    expected += frames_of(order);
    EXPECT_EQ(a.counts().free, frames_of(order));
  }
  EXPECT_EQ(free_blocks(a), (Strings{"0 DMA32 0x7ffff order 0 Movable"}));
  for (unsigned i = 0; i < 18; i += 2) ASSERT_TRUE(a.free_pages(0, blocks[i], 17 - i).ok());
  // Every second one: nothing merges but what is free already beside the last page's.
  EXPECT_EQ(free_blocks(a), (Strings{
                                "0 DMA32 0x40000 order 17 Movable",
                                "0 DMA32 0x70000 order 15 Movable",
                                "0 DMA32 0x7c000 order 13 Movable",
                                "0 DMA32 0x7f000 order 11 Movable",
                                "0 DMA32 0x7fc00 order 9 Movable",
                                "0 DMA32 0x7ff00 order 7 Movable",
                                "0 DMA32 0x7ffc0 order 5 Movable",
                                "0 DMA32 0x7fff0 order 3 Movable",
                                "0 DMA32 0x7fffc order 1 Movable",
                                "0 DMA32 0x7ffff order 0 Movable",
                            }));
  for (unsigned i = 1; i < 18; i += 2) ASSERT_TRUE(a.free_pages(0, blocks[i], 17 - i).ok());
  EXPECT_EQ(free_blocks(a), (Strings{"0 DMA32 0x40000 order 18 Movable"}));
}

TEST(PageAlloc, HighestZoneFirstThenLower) {
  // DMA 16 MiB, DMA32 to 4 GiB, Normal above.
  PretendMachine machine({{{at(0x1000, 3 * kGiB), at(4 * kGiB, 5 * kGiB)}}});
  ASSERT_TRUE(machine.release_all().ok());
  auto& allocator = machine.allocator;
  const auto zone = [&](Gfp gfp, unsigned order) {
    const PagesOr block = allocator.alloc_pages(0, gfp, order, 0);
    EXPECT_TRUE(block.ok());
    const Pfn pfn = block.value();
    return allocator.owner_of(pfn).zone;
  };
  EXPECT_EQ(zone(kGfpKernel, 0), ZoneType::Normal);
  EXPECT_EQ(zone(kGfpKernel | kGfpDma32, 0), ZoneType::Dma32);
  EXPECT_EQ(zone(kGfpKernel | kGfpDma, 0), ZoneType::Dma);
  EXPECT_EQ(zone(kGfpHighUserMovable, 0), ZoneType::Normal);  // no HighMem, no Movable here
  EXPECT_EQ(zone(kGfpKernel, 18), ZoneType::Dma32);           // Normal's only GiB is broken by now
}

TEST(PageAlloc, PreferredNodeFirstThenTheOthers) {
  PretendMachine machine({{{at(0x1000, 64 * kMiB)}}, {{at(64 * kMiB, 128 * kMiB)}}});
  ASSERT_TRUE(machine.release_all().ok());
  auto& allocator = machine.allocator;
  const auto node = [&](Gfp gfp, NodeId preferred) {
    const PagesOr block = allocator.alloc_pages(0, gfp, 13, preferred);
    return block.ok() ? int{allocator.owner_of(block.value()).node} : -1;
  };
  EXPECT_EQ(node(kGfpKernel, 1), 1);
  EXPECT_EQ(node(kGfpKernel | kGfpFlagThisNode, 1), 1);
  EXPECT_EQ(node(kGfpKernel | kGfpFlagThisNode, 1), -1);  // its 64 MiB are gone
  EXPECT_EQ(node(kGfpKernel, 1), 0);
  const NumaEvents one = allocator.node_events(1);
  EXPECT_EQ(one.hit, 2u);
  EXPECT_EQ(one.foreign, 1u);
  EXPECT_EQ(one.other, 2u);  // CPU 0 is on node 0
  EXPECT_EQ(allocator.node_events(0).miss, 1u);
}

TEST(PageAlloc, ANodeWithoutMemoryCountsAsItsFirstFallback) {
  // Node 1 has none. What it gets from node 0 is what it prefers (Linux: zone_statistics).
  PretendMachine machine({{{at(0x1000, 64 * kMiB)}}, {}, {{at(64 * kMiB, 128 * kMiB)}}});
  ASSERT_TRUE(machine.release_all().ok());
  auto& a = machine.allocator;
  ASSERT_TRUE(a.alloc_pages(0, kGfpKernel, 13, 1).ok());
  ASSERT_TRUE(a.alloc_pages(0, kGfpKernel, 13, 1).ok());
  EXPECT_EQ(a.node_events(2).hit, 2u);  // fallback goes up, then round
  EXPECT_EQ(a.node_events(2).miss, 0u);
  EXPECT_EQ(a.node_events(2).foreign, 0u);
  EXPECT_EQ(a.node_events(2).other, 2u);
  // Node 2 has no block so large any more: node 0 serves.
  ASSERT_TRUE(a.alloc_pages(0, kGfpKernel, 13, 1).ok());
  EXPECT_EQ(a.node_events(0).miss, 1u);
  EXPECT_EQ(a.node_events(2).foreign, 1u);
  EXPECT_EQ(a.node_events(0).other, 0u);
}

TEST(PageAlloc, WhatIsWrongWithARequestIsNamed) {
  PretendMachine machine({{{at(0x1000, 64 * kMiB)}}, {}});
  ASSERT_TRUE(machine.release_all().ok());
  auto& a = machine.allocator;
  using Failure = PagesOr::Failure;
  EXPECT_EQ(a.alloc_pages(0, kGfpKernel, 19, 0).failure(), Failure::OrderTooHigh);
  EXPECT_EQ(a.alloc_pages(0, kGfpKernel, ~0u, 0).failure(), Failure::OrderTooHigh);
  EXPECT_EQ(a.alloc_pages(0, kGfpKernel, 0, 2).failure(), Failure::UnknownNode);
  EXPECT_EQ(a.alloc_pages(0, kGfpDma | kGfpDma32, 0, 0).failure(), Failure::GfpZones);
  EXPECT_EQ(a.alloc_pages(0, kGfpFlagMovable | kGfpFlagReclaimable, 0, 0).failure(),
            Failure::GfpTypes);
  EXPECT_EQ(a.alloc_pages(0, kGfpKernel, 18, 0).failure(), Failure::NoMemory);
  EXPECT_TRUE(a.alloc_pages(0, kGfpKernel, 0, 1).ok());  // a memoryless node falls back
}

class WrongFree : public testing::Test {
 protected:
  WrongFree() : machine({{{at(0x1000, 64 * kMiB), at(80 * kMiB, 96 * kMiB)}}}) {
    EXPECT_TRUE(machine.release_all(kernel()).ok());
  }
  std::string fault(Pfn pfn, unsigned order) {
    const Freed freed = machine.allocator.free_pages(0, pfn, order);
    return std::string(freed.ok() ? "no fault" : freed.error().what);
  }
  Pfn alloc(unsigned order) {
    return machine.allocator.alloc_pages(0, kGfpKernel, order, 0).value();
  }
  PretendMachine<> machine;
};

TEST_F(WrongFree, Double) {
  const Pfn pfn = alloc(0);
  EXPECT_EQ(fault(pfn, 0), "no fault");
  EXPECT_EQ(fault(pfn, 0).substr(0, 11), "double free");
  const Pfn large = alloc(10);
  EXPECT_EQ(fault(large, 10), "no fault");
  EXPECT_NE(fault(large, 10), "no fault");
}

TEST_F(WrongFree, DoubleOfWhatIsOnACpusList) {
  machine.allocator.setup_watermarks();
  machine.allocator.setup_per_cpu_pageset();
  const Pfn pfn = alloc(0);
  EXPECT_EQ(fault(pfn, 0), "no fault");
  EXPECT_EQ(fault(pfn, 0), "double free: the block is on a CPU's list (address {:#x})");
}

TEST_F(WrongFree, WrongOrder) {
  const Pfn pfn = alloc(3);
  EXPECT_EQ(fault(pfn, 2), "free of a wrong order (address {:#x}, the block's order {})");
  EXPECT_EQ(fault(pfn, 0), "free of a wrong order (address {:#x}, the block's order {})");
  EXPECT_EQ(fault(pfn, 3), "no fault");
}

TEST_F(WrongFree, Unaligned) {
  const Pfn pfn = alloc(4);
  EXPECT_EQ(fault(pfn + 1, 4),
            "free of a block that is not aligned to its order (address {:#x}, order {})");
}

TEST_F(WrongFree, OrderOutOfRange) {
  const Pfn pfn = alloc(0);
  EXPECT_EQ(fault(pfn, 19), "free of an order above the highest (address {:#x}, order {})");
  EXPECT_EQ(fault(pfn, 64), "free of an order above the highest (address {:#x}, order {})");
}

TEST_F(WrongFree, InsideABlock) {
  const Pfn pfn = alloc(11);  // its later pageblocks are not described
  EXPECT_EQ(fault(pfn + 1, 0),
            "free inside an allocated block, not of its first frame (address {:#x}, block {:#x})");
  EXPECT_EQ(fault(pfn + 512, 9),
            "free inside an allocated block, not of its first frame (address {:#x}, block {:#x})");
  EXPECT_EQ(fault(pfn + 1024 + 7, 0),
            "free inside an allocated block, not of its first frame (address {:#x}, block {:#x})");
}

TEST_F(WrongFree, OfWhatNobodyAllocated) {
  EXPECT_EQ(fault({0x100}, 0),
            "free of a reserved frame: it was never handed over (address {:#x})");
  EXPECT_EQ(fault({0x2ff}, 0),
            "free of a reserved frame: it was never handed over (address {:#x})");
  EXPECT_EQ(
      fault({0x2001}, 0),
      "free of a frame that is free or was never allocated (address {:#x}, free block {:#x})");
  EXPECT_EQ(fault({0x4400}, 0), "free of a frame in a hole: no RAM is there (address {:#x})");
  EXPECT_EQ(fault({0}, 0), "free of a frame out of range: no node has it (address {:#x})");
  EXPECT_EQ(fault({uint64_t{1} << 40}, 0),
            "free of a frame out of range: no node has it (address {:#x})");
  EXPECT_EQ(fault(kNoPfn, 0), "free of a frame out of range: no node has it (address {:#x})");
}

TEST(PageAlloc, ABlockIsFreeWhenItsLastReferenceGoes) {
  PretendMachine machine(small());
  ASSERT_TRUE(machine.release_all(kernel()).ok());
  auto& a = machine.allocator;
  const Pfn pfn = a.alloc_pages(0, kGfpKernel, 2, 0).value();
  ASSERT_TRUE(a.get_page(0, pfn).ok());
  EXPECT_EQ(a.owner_of(pfn).references, 2u);
  ASSERT_TRUE(a.free_pages(0, pfn, 2).ok());
  EXPECT_EQ(a.owner_of(pfn).use, FrameUse::Allocated);
  ASSERT_TRUE(a.put_page(0, pfn).ok());
  EXPECT_EQ(a.owner_of(pfn).use, FrameUse::Free);
  EXPECT_FALSE(a.put_page(0, pfn).ok());
  EXPECT_FALSE(a.get_page(0, pfn).ok());
}

TEST(PageAlloc, ReleaseRefusesWhatIsNotToBeHandedOver) {
  PretendMachine machine({{{at(0x1000, 64 * kMiB), at(80 * kMiB, 96 * kMiB)}}});
  auto& a = machine.allocator;
  ASSERT_TRUE(a.release(at(0x1000, 8 * kMiB)).ok());
  EXPECT_FALSE(a.release(at(4 * kMiB, 5 * kMiB)).ok());    // inside a free block
  EXPECT_FALSE(a.release(at(7 * kMiB, 9 * kMiB)).ok());    // its first half is
  EXPECT_FALSE(a.release(at(60 * kMiB, 70 * kMiB)).ok());  // reaches into a hole
  EXPECT_FALSE(a.release(at(0, 0x1000)).ok());             // no RAM
  EXPECT_FALSE(a.release(at(8 * kMiB, 8 * kMiB)).ok());    // nothing
  EXPECT_EQ(a.counts().managed, 2047u);
  const Pfn pfn = a.alloc_pages(0, kGfpKernel, 3, 0).value();
  EXPECT_FALSE(a.release({pfn, pfn + 1}).ok());  // allocated
  EXPECT_TRUE(a.release(at(8 * kMiB, 64 * kMiB)).ok());
}

TEST(PageAlloc, ZeroMeansZeroes) {
  PretendMachine machine(small());
  ASSERT_TRUE(machine.release_all(kernel()).ok());
  const Pfn pfn = machine.allocator.alloc_pages(0, kGfpKernel, 1, 0).value();
  std::memset(machine.map().at<>(phys(pfn)), 0xff, 2 * kPageSize);
  ASSERT_TRUE(machine.allocator.free_pages(0, pfn, 1).ok());
  const PagesOr again = machine.allocator.alloc_pages(0, kGfpKernel | kGfpFlagZero, 1, 0);
  ASSERT_EQ(again.value(), pfn);
  const auto* bytes = machine.map().at<uint8_t>(phys(pfn));
  EXPECT_TRUE(std::all_of(bytes, bytes + 2 * kPageSize, [](uint8_t b) { return b == 0; }));
}

TEST(PageAlloc, TenMachinesSideBySide) {
  std::vector<std::unique_ptr<PretendMachine<>>> machines;
  for (uint64_t i = 0; i < 10; ++i) {
    machines.push_back(std::make_unique<PretendMachine<>>(small(), 1, i));
    ASSERT_TRUE(machines.back()->release_all(kernel()).ok());
  }
  const Pfn pfn = machines[3]->allocator.alloc_pages(0, kGfpKernel, 0, 0).value();
  for (size_t i = 0; i < machines.size(); ++i) {
    EXPECT_EQ(machines[i]->allocator.counts().allocated(), i == 3 ? 1u : 0u);
  }
  EXPECT_TRUE(machines[3]->allocator.free_pages(0, pfn, 0).ok());
}

TEST(PageAlloc, ExactCountsGiveTheRestBack) {
  PretendMachine machine(small());
  ASSERT_TRUE(machine.release_all(kernel()).ok());
  auto& a = machine.allocator;
  const Strings before = free_blocks(a);
  for (const uint64_t count : {1u, 2u, 3u, 5u, 511u, 512u, 513u, 1000u, 1536u, 3073u}) {
    const PagesOr run = a.alloc_pages_exact(0, kGfpKernel | kGfpFlagMovable, count, 0);
    ASSERT_TRUE(run.ok()) << count;
    EXPECT_EQ(a.counts().allocated(), count);
    ASSERT_TRUE(a.free_pages_exact(0, run.value(), count).ok()) << count;
    a.drain_all();
    EXPECT_EQ(free_blocks(a), before) << count;
  }
}

TEST(PageAlloc, AContiguousRangeIsTakenExactly) {
  PretendMachine machine(small());
  ASSERT_TRUE(machine.release_all(kernel()).ok());
  auto& a = machine.allocator;
  const Strings before = free_blocks(a);
  const PfnRange range = at(5 * kMiB + 0x3000, 11 * kMiB - 0x5000);
  ASSERT_TRUE(a.alloc_contig_range(0, range).ok());
  EXPECT_EQ(a.counts().allocated(), range.size());
  EXPECT_EQ(a.owner_of(range.start - 1).use, FrameUse::Free);
  EXPECT_EQ(a.owner_of(range.start).use, FrameUse::Allocated);
  EXPECT_EQ(a.owner_of(range.end - 1).use, FrameUse::Allocated);
  EXPECT_EQ(a.owner_of(range.end).use, FrameUse::Free);
  EXPECT_FALSE(a.alloc_contig_range(0, range).ok());
  EXPECT_FALSE(a.alloc_contig_range(0, at(2 * kMiB, 4 * kMiB)).ok());    // the kernel's
  EXPECT_FALSE(a.alloc_contig_range(0, at(15 * kMiB, 17 * kMiB)).ok());  // two zones
  ASSERT_TRUE(a.free_contig_range(0, range).ok());
  a.drain_all();
  EXPECT_EQ(free_blocks(a), before);

  const PagesOr found = a.alloc_contig_pages(0, kGfpKernel, 5000, 64, 0);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().v % 64, 0u);
  EXPECT_EQ(a.counts().allocated(), 5000u);
  ASSERT_TRUE(a.free_contig_range(0, {found.value(), found.value() + 5000}).ok());
  a.drain_all();
  EXPECT_EQ(free_blocks(a), before);
}

// What is broken already is used before what is whole, and the lowest of it first: what lies above
// tends to become whole again.
TEST(Buddy, TheLowestBrokenPageblockIsUsedFirst) {
  PretendMachine machine({{{at(128 * kMiB, 256 * kMiB)}}});
  auto& allocator = machine.allocator;
  ASSERT_TRUE(machine.release_all().ok());
  const auto take = [&](uint64_t start, uint64_t end) {
    ASSERT_TRUE(allocator.alloc_contig_range(0, {{start}, {end}}).ok());
  };
  take(0x8420, 0x8600);
  take(0x8900, 0x8a00);
  // A block of order 5 of the third pageblock is left, of the fifth half; then a whole one between.
  for (const uint64_t expected :
       {0x8400, 0x8800, 0x8820, 0x8840, 0x8860, 0x8880, 0x88a0, 0x88c0, 0x88e0, 0x8600}) {
    EXPECT_EQ(allocator.alloc_pages(0, kGfpUser | kGfpFlagMovable, 5, 0).value().v, expected);
  }
}

// The same of GiBs.
TEST(Buddy, TheLowestBrokenGiBIsUsedFirst) {
  PretendMachine machine({{{at(4096 * kMiB, 7168 * kMiB)}}});
  auto& allocator = machine.allocator;
  ASSERT_TRUE(machine.release_all().ok());
  const auto take = [&](uint64_t start, uint64_t end) {
    ASSERT_TRUE(allocator.alloc_contig_range(0, {{start}, {end}}).ok());
  };
  take(0x140400, 0x180000);
  take(0x180000, 0x180200);
  EXPECT_EQ(allocator.alloc_pages(0, kGfpUser | kGfpFlagMovable, 10, 0).value().v, 0x140000u);
  EXPECT_EQ(allocator.alloc_pages(0, kGfpUser | kGfpFlagMovable, 10, 0).value().v, 0x180400u);
  EXPECT_EQ(allocator.alloc_pages(0, kGfpUser | kGfpFlagMovable, 18, 0).value().v, 0x100000u);
}

}  // namespace
}  // namespace mm::test
