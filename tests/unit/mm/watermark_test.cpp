// Watermarks, lowmem reserves and what happens below them; numbers as Linux 6.1 computes them.
#include <gtest/gtest.h>

#include "mm/audit.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

const Zone& zone(const PageAllocatorCore& core, ZoneType type, NodeId node = 0) {
  return core.node(node).zones[type];
}
uint64_t mark(const Zone& zone, Watermark which) {
  return zone.watermark[static_cast<size_t>(which)];
}

TEST(Watermark, MinFreeKbytesGrowsWithTheRootOfMemory) {
  // The table in Linux's own comment: MiB of memory, KiB kept.
  constexpr std::array<std::array<uint64_t, 2>, 7> kTable{
      {{16, 512}, {32, 724}, {64, 1024}, {128, 1448}, {256, 2048}, {1024, 4096}, {2048, 5792}}};
  for (const auto& [mib, kib] : kTable) {
    PretendMachine machine({{{at(0, mib * kMiB)}}});
    ASSERT_TRUE(machine.release_all().ok());
    machine.allocator.setup_watermarks();
    EXPECT_EQ(machine.allocator.min_free_kbytes(), kib) << mib;
  }
}

TEST(Watermark, ZonesShareByTheirSize) {
  PretendMachine machine({{{at(0, 2 * kGiB), at(4 * kGiB, 6 * kGiB)}}});
  ASSERT_TRUE(machine.release_all().ok());
  auto& a = machine.allocator;
  a.setup_watermarks();
  EXPECT_EQ(a.min_free_kbytes(), 8192u);  // 4 GiB
  // 2048 pages by 4096 : 520192 : 524288.
  const Zone& dma = zone(a, ZoneType::Dma);
  const Zone& dma32 = zone(a, ZoneType::Dma32);
  const Zone& normal = zone(a, ZoneType::Normal);
  EXPECT_EQ(mark(dma, Watermark::Min), 8u);
  EXPECT_EQ(mark(dma32, Watermark::Min), 1016u);
  EXPECT_EQ(mark(normal, Watermark::Min), 1024u);
  // The step is a quarter of min or a thousandth of the zone.
  EXPECT_EQ(mark(dma, Watermark::Low), 8u + 4u);
  EXPECT_EQ(mark(dma32, Watermark::Low), 1016u + 520u);
  EXPECT_EQ(mark(dma32, Watermark::High), 1016u + 2 * 520u);
  EXPECT_EQ(mark(normal, Watermark::Low), 1024u + 524u);
  // One page in 256 of what lies above is kept.
  EXPECT_EQ(dma.lowmem_reserve, (mm::PerZone<uint64_t>{{0, 2032, 4080, 4080, 4080}}));
  EXPECT_EQ(dma32.lowmem_reserve, (mm::PerZone<uint64_t>{{0, 0, 2048, 2048, 2048}}));
  EXPECT_EQ(normal.lowmem_reserve, mm::PerZone<uint64_t>{});
}

TEST(Watermark, PageSetsFollowZoneAndWatermark) {
  PretendMachine machine({{{at(0, 2 * kGiB)}}}, 4);
  ASSERT_TRUE(machine.release_all().ok());
  auto& a = machine.allocator;
  for (unsigned cpu = 1; cpu < 4; ++cpu) ASSERT_TRUE(a.start_cpu(cpu, 0).ok());
  const Pcp& dma = a.pcp(0, zone(a, ZoneType::Dma));
  const Pcp& dma32 = a.pcp(3, zone(a, ZoneType::Dma32));
  EXPECT_EQ(dma32.high, 0);
  EXPECT_EQ(dma32.batch, 1);
  a.setup_watermarks();
  a.setup_per_cpu_pageset();
  EXPECT_EQ(dma.batch, 1);  // (4096 >> 10) / 4
  EXPECT_EQ(dma.high, 4);
  EXPECT_EQ(dma32.batch, 63);  // 1 MiB / 4, to 2^n - 1
  EXPECT_EQ(dma32.high, static_cast<int32_t>(mark(zone(a, ZoneType::Dma32), Watermark::Low) / 4));
}

// How many single pages an allocation of this kind gets.
uint64_t take_all(PageAllocator<OneCpu>& a, Gfp gfp, std::vector<Pfn>& taken) {
  uint64_t count = 0;
  for (PagesOr got = a.alloc_pages(0, gfp, 0, 0); got.ok(); got = a.alloc_pages(0, gfp, 0, 0)) {
    taken.push_back(got.value());
    ++count;
  }
  return count;
}

TEST(Watermark, WhoMayGoHowFarDown) {
  PretendMachine machine({{{at(16 * kMiB, 80 * kMiB)}}});  // DMA32 alone
  ASSERT_TRUE(machine.release_all().ok());
  auto& a = machine.allocator;
  a.setup_watermarks();
  const Zone& only = zone(a, ZoneType::Dma32);
  const uint64_t min = mark(only, Watermark::Min);
  ASSERT_EQ(min, 256u);
  std::vector<Pfn> taken;
  const Gfp quiet = kGfpFlagNoWarn;
  take_all(a, kGfpKernel | quiet, taken);
  EXPECT_EQ(only.free_pages, min);
  take_all(a, kGfpKernel | kGfpFlagHigh | quiet, taken);  // half of min
  EXPECT_EQ(only.free_pages, min / 2);
  take_all(a, kGfpAtomic | quiet, taken);  // and a quarter of that more
  EXPECT_EQ(only.free_pages, min / 2 - min / 8);
  take_all(a, kGfpKernel | kGfpFlagMemAlloc | quiet, taken);
  EXPECT_EQ(only.free_pages, 0u);
  for (const Pfn pfn : taken) ASSERT_TRUE(a.free_pages(0, pfn, 0).ok());
  EXPECT_EQ(a.counts().free, a.counts().managed);
}

TEST(Watermark, LowmemReserveKeepsDmaForThoseWhoNeedIt) {
  PretendMachine machine({{{at(0, 512 * kMiB)}}});
  ASSERT_TRUE(machine.release_all().ok());
  auto& a = machine.allocator;
  a.setup_watermarks();
  std::vector<Pfn> taken;
  take_all(a, kGfpKernel | kGfpFlagNoWarn, taken);
  const Zone& dma = zone(a, ZoneType::Dma);
  const uint64_t reserve = dma.lowmem_reserve[ZoneType::Normal];
  EXPECT_EQ(reserve, (512 - 16) * 256 / 256u);
  EXPECT_EQ(dma.free_pages, mark(dma, Watermark::Min) + reserve);
  take_all(a, kGfpKernel | kGfpDma | kGfpFlagNoWarn, taken);
  EXPECT_EQ(dma.free_pages, mark(dma, Watermark::Min));
}

struct Rescue {
  PageAllocator<OneCpu>* allocator = nullptr;
  std::vector<Pfn> spare;
  unsigned woken = 0, waited = 0;
  static bool hook(void* context, Gfp, unsigned, bool waiting) {
    auto* self = static_cast<Rescue*>(context);
    if (!waiting) return ++self->woken, false;
    ++self->waited;
    if (self->spare.empty()) return false;
    for (unsigned i = 0; i < 64 && !self->spare.empty(); ++i) {
      (void)self->allocator->free_pages(0, self->spare.back(), 0);
      self->spare.pop_back();
    }
    return true;
  }
};

TEST(Watermark, AShortageIsToldAndMayBeHelped) {
  PretendMachine machine({{{at(16 * kMiB, 80 * kMiB)}}});
  ASSERT_TRUE(machine.release_all().ok());
  auto& a = machine.allocator;
  a.setup_watermarks();
  Rescue rescue;
  rescue.allocator = &a;
  for (unsigned i = 0; i < 640; ++i) {
    rescue.spare.push_back(a.alloc_pages(0, kGfpKernel, 0, 0).value());
  }
  std::vector<Pfn> taken;
  take_all(a, kGfpKernel | kGfpFlagNoWarn, taken);
  const size_t before = taken.size();
  a.set_shortage_hook(&Rescue::hook, &rescue);
  take_all(a, kGfpKernel | kGfpFlagNoWarn, taken);
  EXPECT_EQ(taken.size() - before, 640u);
  EXPECT_GE(rescue.woken, 640u);
  EXPECT_GE(rescue.waited, 10u);
  // Who cannot wait is not made to.
  rescue.waited = 0;
  EXPECT_FALSE(a.alloc_pages(0, kGfpNoWait | kGfpFlagNoWarn, 0, 0).ok());
  EXPECT_EQ(rescue.waited, 0u);
}

TEST(Watermark, AFailureIsReportedAsLinuxReportsIt) {
  PretendMachine machine({{{at(16 * kMiB, 80 * kMiB)}}});
  ASSERT_TRUE(machine.release_all().ok());
  auto& a = machine.allocator;
  a.setup_watermarks();
  Text report;
  a.set_report(report.printer());
  EXPECT_FALSE(a.alloc_pages(0, kGfpKernel | kGfpFlagZero, 18, 0).ok());
  const auto has = [&](const std::string& line) {
    EXPECT_NE(report.text.find(line), std::string::npos) << line << "\nin\n" << report.text;
  };
  has("swapper/0: page allocation failure: order:18, mode:0xdc0(GFP_KERNEL|__GFP_ZERO), "
      "nodemask=(null),cpuset=/,mems_allowed=0\nMem-Info:\nactive_anon:0 inactive_anon:0 "
      "isolated_anon:0\n");
  has(" free:16384 free_pcp:0 free_cma:0\n");
  has("Node 0 DMA32 free:65536kB boost:0kB min:1024kB low:1280kB high:1536kB "
      "reserved_highatomic:0KB active_anon:0kB");
  has("present:65536kB managed:65536kB mlocked:0kB bounce:0kB free_pcp:0kB local_pcp:0kB "
      "free_cma:0kB\nlowmem_reserve[]: 0 0 0 0 0\n");
  has("Node 0 DMA32: 0*4kB 0*8kB 0*16kB 0*32kB 0*64kB 0*128kB 0*256kB 0*512kB 0*1024kB 0*2048kB "
      "0*4096kB 0*8192kB 2*16384kB (M) 1*32768kB (M) 0*65536kB 0*131072kB 0*262144kB "
      "0*524288kB 0*1048576kB = 65536kB\n");
  has("16384 pages RAM\n0 pages HighMem/MovableOnly\n0 pages reserved\n");
  report.text.clear();
  EXPECT_FALSE(a.alloc_pages(0, kGfpKernel | kGfpFlagNoWarn, 18, 0).ok());
  EXPECT_EQ(report.text, "");
}

}  // namespace
}  // namespace mm::test
