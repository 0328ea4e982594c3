// ARM of the bootmem days, from banks to a zero page: paging_init's steps in their order.
//
//   PAGE_OFFSET 0xC0000000, VMALLOC_END 0xff000000: 760 MiB of lowmem
//
//   0x80000000         0xa0000000      0xaf800000      0xc0000000
//   |---- bank 0 ------|---- bank 1 -----------------------|
//   |---- lowmem, 760 MiB -------------|---- highmem ------|
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "mm/lowmem.h"
#include "tests/support/machine32.h"

namespace {

using mm::Bank;
using mm::LowmemArea;
using mm::Pfn;
using mm::Phys;
using mm::Range;
using mm::ZoneType;
using test::Machine32;
using test::must;
using test::range;

constexpr mm::Arm32Space kSpace{.phys_offset = Phys{0x80000000}};

TEST(ArmSpace, LeavesRoomForVmalloc) {
  EXPECT_EQ(kSpace.lowmem_size(), 760 * mm::kMiB);
  EXPECT_EQ(kSpace.lowmem_limit(), Phys{0xaf800000});
  EXPECT_EQ(kSpace.virt(Phys{0xaf800000}), 0xef800000u);  // high_memory: a virtual address
  EXPECT_EQ(kSpace.vectors(), (mm::VirtualRange{0xffff0000, 0xffff1000}));
  EXPECT_EQ(kSpace.pkmap(), (mm::VirtualRange{0xbfe00000, 0xc0000000}));
}

TEST(ArmBanks, AreSortedAndCutAtTheLimit) {
  std::array<Bank, 4> banks{Bank{range(0xa0000000, 0xc0000000)},
                            Bank{range(0x80000000, 0xa0000000)}};
  ASSERT_EQ(must(mm::sanity_check_meminfo(banks, 2, kSpace.lowmem_limit())), 3u);
  EXPECT_EQ(banks[0], (Bank{range(0x80000000, 0xa0000000)}));
  EXPECT_EQ(banks[1], (Bank{range(0xa0000000, 0xaf800000)}));
  EXPECT_EQ(banks[2], (Bank{range(0xaf800000, 0xc0000000), 0, true}));
}

TEST(ArmBanks, BadOnesAreNamed) {
  std::array<Bank, 2> overlap{Bank{range(0x80000000, 0xa0000000)},
                              Bank{range(0x90000000, 0xb0000000)}};
  EXPECT_FALSE(mm::sanity_check_meminfo(overlap, 2, kSpace.lowmem_limit()).ok());
  std::array<Bank, 1> cut{Bank{range(0x80000000, 0xc0000000)}};
  EXPECT_FALSE(mm::sanity_check_meminfo(cut, 1, kSpace.lowmem_limit()).ok());
  std::array<Bank, 1> empty{Bank{range(0x80000000, 0x80000000)}};
  EXPECT_FALSE(mm::sanity_check_meminfo(empty, 1, kSpace.lowmem_limit()).ok());
}

TEST(Arm, FromBanksToAZeroPage) {
  Machine32 m;

  // sanity_check_meminfo
  std::array<Bank, 4> storage{Bank{range(0xa0000000, 0xc0000000)},
                              Bank{range(0x80000000, 0xa0000000)}};
  const size_t count = must(mm::sanity_check_meminfo(storage, 2, kSpace.lowmem_limit()));
  const std::span<const Bank> banks(storage.data(), count);

  // map_lowmem: each bank that is not highmem
  std::vector<LowmemArea> mapped;
  for (const Bank& bank : banks) {
    if (bank.highmem) continue;
    std::array<LowmemArea, 3> areas;
    const size_t n = mm::map_lowmem(kSpace, bank.range, range(0x80008000, 0x80412345), areas);
    mapped.insert(mapped.end(), areas.begin(), areas.begin() + static_cast<ptrdiff_t>(n));
  }
  EXPECT_EQ(mapped, (std::vector<LowmemArea>{
                        {range(0x80000000, 0x80500000), 0xc0000000, true},
                        {range(0x80500000, 0xa0000000), 0xc0500000, false},
                        {range(0xa0000000, 0xaf800000), 0xe0000000, false},
                    }));

  // bootmem_init (1): which node has the initrd
  const Range initrd = range(0x90000000, 0x90200000);
  EXPECT_EQ(mm::check_initrd(banks, initrd), 0);
  EXPECT_EQ(mm::check_initrd(banks, range(0xbff00000, 0xc0100000)), mm::kNoNode);

  // bootmem_init (2): limits, node 0's own reserves, a bitmap of its lowmem
  const mm::BankLimits limits = mm::find_limits(banks);
  EXPECT_EQ(limits.min, Pfn{0x80000});
  EXPECT_EQ(limits.max_low, Pfn{0xaf800});
  EXPECT_EQ(limits.max_high, Pfn{0xc0000});
  m.add_banks(banks);
  m.reserve(0x80000000, 0x80004000, "BEFORE PGDIR");
  m.reserve(0x80004000, 0x80008000, "PGDIR");  // swapper_pg_dir, 16 KiB
  m.reserve(0x80008000, 0x80412345, "TEXT DATA BSS");
  m.reserve(initrd.start.v, initrd.end.v, "RAMDISK");
  m.find_zones(mm::arm_zone_limits(limits.max_low, limits.max_high), limits.max_low);
  m.place();
  std::vector<mm::NodeBootmem> bitmaps(1);
  ASSERT_EQ(must(mm::init_bootmem(m.low_nodes(), bitmaps, m.low_active, m.e820, m.reservations,
                                  m.memory.map(), {})),
            1u);
  mm::Bootmem bootmem(bitmaps);
  bootmem.free_active(m.low_active);
  bootmem.take_reservations(m.reservations, range(0, mm::phys(limits.max_low).v), {});

  // bootmem_free_node: zones; one mem_map for the node
  EXPECT_EQ(m.zone_table(), R"(node 0 Normal: spanned 194560 present 194560 from 0x80000000
node 0 HighMem: spanned 67584 present 67584 from 0xaf800000
)");
  test::Log zones;
  mm::print_zones(m.numa, m.zones, m.nodes, zones.printer());
  EXPECT_EQ(zones.text(), R"(Zone ranges:
  Normal   [mem 0x0000000080000000-0x00000000af7fffff]
  HighMem  [mem 0x00000000af800000-0x00000000bfffffff]
Movable zone start for each node
Early memory node ranges
  node   0: [mem 0x0000000080000000-0x00000000bfffffff]
Initmem setup node 0 [mem 0x0000000080000000-0x00000000bfffffff]
)");
  EXPECT_EQ(m.nodes[0].mem_map, range(0xaf3fe000, 0xaf7fe000) /* below the limit */)
      << m.nodes[0].mem_map.start.v;

  // The zero page: one page of zeroes, low.
  const Phys zero = must(bootmem.alloc({.size = mm::kPageSize, .limit = mm::phys(limits.max_low)}));
  std::memset(m.memory.map().at<char>(zero), 0, mm::kPageSize);
  m.reserve(zero.v, zero.v + mm::kPageSize, "ZERO PAGE");
  EXPECT_LT(zero, kSpace.lowmem_limit());

  // mem_init: lowmem by the bitmap, then highmem page by page
  m.build_all_zonelists();
  mm::free_all_bootmem(bootmem, m.layout, m.releaser());
  EXPECT_EQ(m.managed(0, ZoneType::HighMem), 0u);
  EXPECT_EQ(m.free_highpages(), 67584u);
  must(mm::release_reservations(m.reservations, "BOOTMAP", m.layout, m.releaser()));

  // 0xaf800000 to 0xb0000000 is 8 MiB, to 0xc0000000 256 MiB: what highmem is made of.
  EXPECT_EQ(m.managed(0, ZoneType::HighMem), 67584u);
  EXPECT_NE(m.buddy().find("node 0 HighMem: 1x2^11 1x2^16\n"), std::string::npos) << m.buddy();

  // The initrd goes back at last, as if it had never been there.
  const uint64_t before = m.managed(0, ZoneType::Normal);
  EXPECT_EQ(must(mm::release_reservations(m.reservations, "RAMDISK", m.layout, m.releaser())),
            512u);
  EXPECT_EQ(m.managed(0, ZoneType::Normal), before + 512);
}

}  // namespace
