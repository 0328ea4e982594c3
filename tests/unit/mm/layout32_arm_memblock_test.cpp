// ARM of Linux 4.14: memblock to buddy.
//
//   PAGE_OFFSET 0x80000000, one bank:
//
//   0x60000000 0x60100000   0x60a00000                        0x80000000
//   |-- 1 MiB --|-- kernel, 9 MiB --|-------- 502 MiB ---------|
//        RW             RWX                     RW
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "mm/arm/lowmem.h"
#include "mm/relay_ledger.h"
#include "tests/support/machine32.h"

namespace {

using mm::Bank;
using mm::MappedArea;
using mm::Phys;
using mm::Range;
using mm::ZoneType;
using test::Machine32;
using test::must;
using test::range;

constexpr mm::Arm32Space kSpace{.page_offset = 0x80000000, .phys_offset = Phys{0x60000000}};
constexpr Range kExecutable = range(0x60100000, 0x60a00000);

TEST(ArmMemblock, TheRegionThatHoldsTheKernelIsMappedInThreeAreas) {
  std::array<MappedArea, 3> areas;
  ASSERT_EQ(mm::map_lowmem(kSpace, range(0x60000000, 0x80000000), kExecutable, areas), 3u);
  EXPECT_EQ(areas[0], (MappedArea{range(0x60000000, 0x60100000), 0x80000000, false}));
  EXPECT_EQ(areas[1], (MappedArea{range(0x60100000, 0x60a00000), 0x80100000, true}));
  EXPECT_EQ(areas[2], (MappedArea{range(0x60a00000, 0x80000000), 0x80a00000, false}));
  EXPECT_EQ(areas[2].physical.size(), 502 * mm::kMiB);
}

TEST(ArmMemblock, OtherRegionsAreBelowOrAboveIt) {
  std::array<MappedArea, 3> areas;
  // Wholly below: RWX, until fix_kernmem_perms. One that ends where the kernel's range begins is
  // not, as in Linux ("end < kernel_x_start").
  ASSERT_EQ(mm::map_lowmem(kSpace, range(0x60000000, 0x60080000), kExecutable, areas), 1u);
  EXPECT_EQ(areas[0], (MappedArea{range(0x60000000, 0x60080000), 0x80000000, true}));
  ASSERT_EQ(mm::map_lowmem(kSpace, range(0x60000000, 0x60100000), kExecutable, areas), 1u);
  EXPECT_FALSE(areas[0].execute);
  ASSERT_EQ(mm::map_lowmem(kSpace, range(0x70000000, 0x80000000), kExecutable, areas), 1u);
  EXPECT_EQ(areas[0], (MappedArea{range(0x70000000, 0x80000000), 0x90000000, false}));
  ASSERT_EQ(mm::map_lowmem(kSpace, range(0x60200000, 0x60300000), kExecutable, areas), 1u);
  EXPECT_TRUE(areas[0].execute);
}

TEST(ArmMemblock, SectionsWhereAlignedElsePageTables) {
  EXPECT_EQ(mm::tables_for({range(0x60000000, 0x60100000), 0x80000000}), (mm::LowmemTables{1, 0}));
  EXPECT_EQ(mm::tables_for({range(0x60a00000, 0x80000000), 0x80a00000}),
            (mm::LowmemTables{502, 0}));
  // 512 KiB have a table; of 3.5 MiB from an odd MiB on the last PMD has one.
  EXPECT_EQ(mm::tables_for({range(0x60000000, 0x60080000), 0x80000000}), (mm::LowmemTables{0, 1}));
  EXPECT_EQ(mm::tables_for({range(0x60100000, 0x60480000), 0x80100000}), (mm::LowmemTables{3, 1}));
  // What is not aligned alike in both spaces has tables only: 2 MiB across three PMDs' borders.
  EXPECT_EQ(mm::tables_for({range(0x60080000, 0x60280000), 0x80100000}), (mm::LowmemTables{0, 2}));
}

//   0x60000000  0x60100000    0x60400000    0x60600000  0x60800000    0x60a00000
//   |-- before --|-- text -----|-- rodata ---|-- init ---|-- data ------|
//        RW            RX            R             RW          RW, as map_lowmem left it
TEST(ArmMemblock, NothingIsWrittenAndExecutedOnceItHasBooted) {
  constexpr mm::KernelParts kKernel{Phys{0x60100000}, Phys{0x60400000}, Phys{0x60600000},
                                    Phys{0x60800000}};
  constexpr Range kBelowData = range(0x60100000, 0x60800000);  // to __init_end
  std::array<MappedArea, 8> areas;
  size_t count = 0;
  for (const Range region : {range(0x60000000, 0x60080000), range(0x600c0000, 0x80000000)}) {
    std::array<MappedArea, 3> some;
    const size_t more = mm::map_lowmem(kSpace, region, kBelowData, some);
    for (size_t i = 0; i < more; ++i) areas[count++] = some[i];
  }
  ASSERT_EQ(count, 4u);  // RWX below, RW, RWX the kernel, RW
  EXPECT_TRUE(areas[0].execute && areas[0].write);
  EXPECT_TRUE(areas[2].execute && areas[2].write);

  std::array<MappedArea, 5> few;
  std::copy_n(areas.begin(), count, few.begin());
  EXPECT_FALSE(mm::fix_kernmem_perms(kSpace, few, count, kKernel).ok());
  mm::KernelParts odd = kKernel;
  odd.init.v += 0x1000;
  EXPECT_FALSE(mm::fix_kernmem_perms(kSpace, areas, count, odd).ok());
  EXPECT_TRUE(areas[0].execute && areas[2].execute);  // nothing was changed

  count = must(mm::fix_kernmem_perms(kSpace, areas, count, kKernel));
  EXPECT_EQ((std::vector<MappedArea>(areas.begin(), areas.begin() + static_cast<ptrdiff_t>(count))),
            (std::vector<MappedArea>{
                {range(0x60000000, 0x60080000), 0x80000000, false, true},
                {range(0x600c0000, 0x60100000), 0x800c0000, false, true},
                {range(0x60100000, 0x60400000), 0x80100000, true, false},
                {range(0x60400000, 0x60600000), 0x80400000, false, false},
                {range(0x60600000, 0x60800000), 0x80600000, false, true},
                {range(0x60800000, 0x80000000), 0x80800000, false, true},
            }));
}

TEST(ArmMemblock, AdjustLowmemBounds) {
  const auto bounds = [](std::vector<mm::MemblockRegion> memory) {
    const mm::LowmemBounds b = mm::adjust_lowmem_bounds(memory, kSpace);
    return std::pair(b.lowmem_limit, b.memblock_limit);
  };
  ASSERT_EQ(kSpace.lowmem_limit(), Phys{0xcf800000});
  // RAM ends below the limit; across it; behind a hole that goes over it.
  EXPECT_EQ(bounds({{range(0x60000000, 0x80000000)}}),
            std::pair(Phys{0x80000000}, Phys{0x80000000}));
  EXPECT_EQ(bounds({{range(0x60000000, 0xe0000000)}}),
            std::pair(Phys{0xcf800000}, Phys{0xcf800000}));
  EXPECT_EQ(bounds({{range(0x60000000, 0xa0000000)}, {range(0xd0000000, 0xe0000000)}}),
            std::pair(Phys{0xa0000000}, Phys{0xa0000000}));
  // Until lowmem is mapped nothing is taken above the first odd border.
  EXPECT_EQ(bounds({{range(0x60000000, 0x6ff00000)}, {range(0x70000000, 0x80000000)}}),
            std::pair(Phys{0x80000000}, Phys{0x6fe00000}));
  EXPECT_EQ(bounds({{range(0x60000000, 0x70000000)}, {range(0x70100000, 0x80000000)}}),
            std::pair(Phys{0x80000000}, Phys{0x70000000}));
  // What may not be mapped does not count.
  EXPECT_EQ(bounds({{range(0x60000000, 0x70000000)},
                    {range(0x70100000, 0x80000000), 0, mm::kMemblockNomap}}),
            std::pair(Phys{0x70000000}, Phys{0x70000000}));
}

TEST(ArmMemblock, FromMemblockToBuddy) {
  Machine32 m(Phys{0x60000000});
  std::array<Bank, 2> banks{Bank{range(0x60000000, 0x80000000)}};
  ASSERT_EQ(must(mm::sanity_check_meminfo(banks, 1, kSpace, {})), 1u);
  m.add_banks(std::span(banks).first(1));

  // bootmem_init: find_limits, zone_sizes_init. No highmem here.
  const mm::BankLimits limits = mm::find_limits(std::span(banks).first(1));
  EXPECT_EQ(limits.max_low, limits.max_high);
  m.reserve(0x60004000, 0x60008000, "PGDIR");
  m.reserve(0x60008000, 0x60a00000, "TEXT DATA BSS");
  const Phys end_of_low = mm::phys(limits.max_low);
  m.lay_out(mm::arm_platform(end_of_low), end_of_low);
  EXPECT_EQ(m.zone_table(), "node 0 Normal: spanned 131072 present 131072 from 0x60000000\n");

  // free_area_init_node: mem_map; free_area_init_core: free lists are empty, nothing is managed.
  must(m.relay->start_boot_allocator(mm::Road::Memblock));
  must(m.relay->build_zones({}, mm::NodeOrder::Ring));
  EXPECT_EQ(m.managed(0, ZoneType::Normal), 0u);
  EXPECT_EQ(m.buddy(), "node 0 Normal:\n");

  // mem_init, free_all_bootmem: every free range in the largest aligned blocks.
  must(m.relay->hand_over());
  uint64_t taken = 0;
  for (const mm::Reservation& r : m.relay->reservations().entries()) {
    taken += mm::pfns_touched(r.range).size();
  }
  EXPECT_EQ(m.managed(0, ZoneType::Normal), 131072 - taken);
  // Before the kernel's page directory there are 4 pages, of which the list of reservations has the
  // first: 2^0 and 2^1. After the kernel, at 10 MiB: 2 MiB, 4 MiB, 16 MiB, 32 MiB ... up to the structures at the end.
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x60000}).use, mm::FrameUse::Reserved);
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x60001}).order, 0u);
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x60002}).use, mm::FrameUse::Free);
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x60002}).order, 1u);
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x60a00}).order, 9u);
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x60c00}).order, 10u);
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x61000}).order, 12u);
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x62000}).order, 13u);
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x64000}).order, 14u);
  EXPECT_EQ(m.pages().owner_of(mm::Pfn{0x60004}).use, mm::FrameUse::Reserved);
  // The first page of each pageblock marks it MOVABLE, so that the kernel's own must take blocks
  // over instead of spreading.
  m.pages().for_each_free_block([](const mm::FreeBlock& block) {
    EXPECT_EQ(block.migratetype, mm::Migratetype::Movable);
    return true;
  });
}

// RAM from 4 GiB on is nobody's, by name.
TEST(ArmMemblock, RamThatShortDescriptorsDoNotReach) {
  const test::PretendMemory memory(Phys{0xf0000000}, Phys{0xc0000000});
  test::OwnE820 map;
  must(map.e820.append(range(0xc0000000, 0x180000000), mm::E820Type::Ram));
  const Phys end_of_low{0xf0000000};
  test::Log log;
  mm::Relay<mm::OneCpu> relay(mm::arm_platform(end_of_low), memory.map(), log.printer());
  must(relay.take_over(map.e820.entries(), {}, Phys{mm::kGiB * 4}, end_of_low));
  const mm::FirmwareRam firmware = test::firmware_ram(map.e820.entries(), relay.e820());
  must(relay.finish({}));
  EXPECT_EQ(log.text().rfind("e820: remove [mem 0x100000000-", 0), 0u) << log.text();
  EXPECT_EQ(relay.trims().bytes_of(mm::kUnreachable), 2 * mm::kGiB);
  EXPECT_EQ(relay.numa().active.back().pfns.end, mm::Pfn{0x100000});
  EXPECT_EQ(relay.pages().owner_of(mm::Pfn{0x100000}).use, mm::FrameUse::NoNode);
  log.take();
  must(mm::close_ledger(relay, relay.pages(), {.firmware = firmware}, log.printer()));
  EXPECT_NE(log.text().find("Ledger:   unreachable                        2147483648\n"),
            std::string::npos)
      << log.text();
}

}  // namespace
