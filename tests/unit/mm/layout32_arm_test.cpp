// ARM of Linux 2.6.34, from banks to a zero page: those of paging_init's steps, in their order,
// that say which memory is what. What writes page tables is in arm_paging_test.cpp.
//
//   PAGE_OFFSET 0xc0000000, VMALLOC_END 0xf4000000: 704 MiB of lowmem
//
//   0x80000000         0xa0000000      0xac000000      0xc0000000
//   |---- bank 0 ------|---- bank 1 -----------------------|
//   |---- lowmem, 704 MiB -------------|---- highmem ------|
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "mm/arm/lowmem.h"
#include "tests/support/machine32.h"

namespace {

using mm::Bank;
using mm::MappedArea;
using mm::Pfn;
using mm::Phys;
using mm::Range;
using mm::ZoneType;
using test::Machine32;
using test::must;
using test::range;

constexpr mm::Arm32Space kSpace =
    mm::Arm32Space::linux_2_6(0xc0000000, 0xf4000000, Phys{0x80000000});

TEST(ArmSpace, LeavesRoomForVmalloc) {
  EXPECT_EQ(kSpace.lowmem_size(), 704 * mm::kMiB);
  EXPECT_EQ(kSpace.lowmem_limit(), Phys{0xac000000});
  EXPECT_EQ(kSpace.virt(Phys{0xac000000}), 0xec000000u);  // high_memory: a virtual address
  EXPECT_EQ(kSpace.vectors(), (mm::VirtualRange{0xffff0000, 0xffff1000}));
  EXPECT_EQ(kSpace.pkmap(), (mm::VirtualRange{0xbfe00000, 0xc0000000}));

  // Later kernels: 240 MiB and a gap of 8 MiB.
  constexpr mm::Arm32Space kLater{.phys_offset = Phys{0x80000000}};
  EXPECT_EQ(kLater.lowmem_size(), 760 * mm::kMiB);
  EXPECT_EQ(kLater.lowmem_limit(), Phys{0xaf800000});
}

TEST(ArmSpace, VmallocIsConfigurable) {
  test::Log log;
  mm::Arm32Space space{.phys_offset = Phys{0x80000000}};
  mm::early_vmalloc(space, 512 * mm::kMiB, log.printer());
  EXPECT_EQ(space.lowmem_size(), 496 * mm::kMiB);  // 1008 MiB to VMALLOC_END, and no gap
  EXPECT_EQ(log.text(), "");
  mm::early_vmalloc(space, mm::kMiB, log.printer());
  EXPECT_EQ(space.lowmem_size(), 992 * mm::kMiB);
  mm::early_vmalloc(space, mm::kGiB, log.printer());
  EXPECT_EQ(space.lowmem_size(), 32 * mm::kMiB);
  EXPECT_EQ(log.text(),
            "vmalloc area too small, limiting to 16MB\n"
            "vmalloc area is too big, limiting to 976MB\n");
}

TEST(ArmBanks, AreSortedAndCutAtTheLimit) {
  std::array<Bank, 4> banks{Bank{range(0xa0000000, 0xc0000000)},
                            Bank{range(0x80000000, 0xa0000000)}};
  ASSERT_EQ(must(mm::sanity_check_meminfo(banks, 2, kSpace, {})), 3u);
  EXPECT_EQ(banks[0], (Bank{range(0x80000000, 0xa0000000)}));
  EXPECT_EQ(banks[1], (Bank{range(0xa0000000, 0xac000000)}));
  EXPECT_EQ(banks[2], (Bank{range(0xac000000, 0xc0000000), 0, true}));
}

//   0x60000000  0x70000000   0x80000000 = PHYS_OFFSET   0xac000000  0xb0000000
//   |- bank 0 --|   hole     |- bank 1, from 0x7f000000 on, 784 MiB -----|
TEST(ArmBanks, WhatLiesBelowPhysOffsetIsHighmemInNoZone) {
  std::array<Bank, 5> banks{Bank{range(0x60000000, 0x70000000), 1},
                            Bank{range(0x7f000000, 0xb0000000), 0}};
  test::Log log;
  const size_t count = must(mm::sanity_check_meminfo(banks, 2, kSpace, log.printer()));
  ASSERT_EQ(count, 4u);
  EXPECT_EQ(banks[0], (Bank{range(0x60000000, 0x70000000), 1, true}));
  EXPECT_EQ(banks[1], (Bank{range(0x7f000000, 0x80000000), 0, true}));
  EXPECT_EQ(banks[2], (Bank{range(0x80000000, 0xac000000), 0, false}));
  EXPECT_EQ(banks[3], (Bank{range(0xac000000, 0xb0000000), 0, true}));
  EXPECT_EQ(log.text(),
            "Ignoring RAM at 60000000-6fffffff (below PHYS_OFFSET).\n"
            "Ignoring RAM at 7f000000-7fffffff (below PHYS_OFFSET).\n");
  const auto all = std::span<const Bank>(banks).first(count);
  EXPECT_EQ(mm::find_limits(all), (mm::BankLimits{Pfn{0x80000}, Pfn{0xac000}, Pfn{0xb0000}}));
  EXPECT_EQ(mm::find_limits(all, 1), (mm::BankLimits{}));
}

TEST(ArmBanks, EachNodeHasLimitsOfItsOwn) {
  // node 0: lowmem with a hole; node 1: lowmem and highmem; node 2: highmem only
  std::array<Bank, 6> banks{
      Bank{range(0x80000000, 0x88000000), 0}, Bank{range(0x90000000, 0x98000000), 0},
      Bank{range(0xa0000000, 0xb0000000), 1}, Bank{range(0xb0000000, 0xb8000000), 2}};
  const size_t count = must(mm::sanity_check_meminfo(banks, 4, kSpace, {}));
  const auto all = std::span<const Bank>(banks).first(count);
  EXPECT_EQ(mm::find_limits(all, 0), (mm::BankLimits{Pfn{0x80000}, Pfn{0x98000}, Pfn{0x98000}}));
  EXPECT_EQ(mm::find_limits(all, 1), (mm::BankLimits{Pfn{0xa0000}, Pfn{0xac000}, Pfn{0xb0000}}));
  EXPECT_EQ(mm::find_limits(all, 2), (mm::BankLimits{Pfn{0xb0000}, Pfn{0}, Pfn{0xb8000}}));
  EXPECT_EQ(mm::find_limits(all), (mm::BankLimits{Pfn{0x80000}, Pfn{0xac000}, Pfn{0xb8000}}));
}

TEST(ArmBanks, BadOnesAreNamed) {
  std::array<Bank, 2> overlap{Bank{range(0x80000000, 0xa0000000)},
                              Bank{range(0x90000000, 0xb0000000)}};
  EXPECT_FALSE(mm::sanity_check_meminfo(overlap, 2, kSpace, {}).ok());
  std::array<Bank, 1> cut{Bank{range(0x80000000, 0xc0000000)}};
  EXPECT_FALSE(mm::sanity_check_meminfo(cut, 1, kSpace, {}).ok());
  std::array<Bank, 1> empty{Bank{range(0x80000000, 0x80000000)}};
  EXPECT_FALSE(mm::sanity_check_meminfo(empty, 1, kSpace, {}).ok());
}

TEST(Arm, FromBanksToAZeroPage) {
  Machine32 m(Phys{0x80000000});

  // sanity_check_meminfo
  std::array<Bank, 4> storage{Bank{range(0xa0000000, 0xc0000000)},
                              Bank{range(0x80000000, 0xa0000000)}};
  const size_t count = must(mm::sanity_check_meminfo(storage, 2, kSpace, {}));
  const std::span<const Bank> banks(storage.data(), count);

  // prepare_page_table: nothing stays mapped but the first bank of lowmem and what lies above
  // VMALLOC_END
  EXPECT_EQ(
      mm::prepare_page_table(kSpace, banks[0].range),
      (std::array{mm::VirtualRange{0, 0xc0000000}, mm::VirtualRange{0xe0000000, 0xf4000000}}));

  // map_lowmem: each bank that is not highmem
  std::vector<MappedArea> mapped;
  for (const Bank& bank : banks) {
    if (!bank.highmem) mapped.push_back(mm::map_memory_bank(kSpace, bank.range));
  }
  EXPECT_EQ(mapped, (std::vector<MappedArea>{
                        {range(0x80000000, 0xa0000000), 0xc0000000, true},
                        {range(0xa0000000, 0xac000000), 0xe0000000, true},
                    }));
  EXPECT_EQ(mm::tables_for(mapped[0]), (mm::LowmemTables{512, 0}));

  // bootmem_init (1): which node has the initrd
  const Range initrd = range(0x90000000, 0x90200000);
  EXPECT_EQ(mm::check_initrd(banks, initrd), 0);
  EXPECT_EQ(mm::check_initrd(banks, range(0xbff00000, 0xc0100000)), mm::kNoNode);

  // bootmem_init (2): limits, node 0's own reserves, a bitmap of its lowmem
  const mm::BankLimits limits = mm::find_limits(banks);
  EXPECT_EQ(limits.min, Pfn{0x80000});
  EXPECT_EQ(limits.max_low, Pfn{0xac000});
  EXPECT_EQ(limits.max_high, Pfn{0xc0000});
  m.add_banks(banks, limits.min);
  must(mm::reserve_node_zero(m.in_use, kSpace, Phys{0x80004000}, range(0x80008000, 0x80412345)));
  m.reserve(initrd.start.v, initrd.end.v, "RAMDISK");
  const Phys end_of_low = mm::phys(limits.max_low);
  m.lay_out(mm::arm_platform(end_of_low), end_of_low);
  test::OwnBitmaps own(m, limits.max_low);
  ASSERT_EQ(own.nodes.size(), 1u);
  EXPECT_TRUE(own.nodes[0].all_taken(own.nodes[0].frames()));
  own.bootmem.free_active(m.relay->numa().active);
  mm::free_all_bootmem(own.bootmem, m.relay->layout(), [&](mm::NodeId, mm::PfnRange run) {
    EXPECT_LE(run.end, limits.max_low);  // of highmem it knows nothing
  });
  must(m.relay->start_boot_allocator(mm::Road::Bootmem));
  ASSERT_EQ(m.relay->bootmem().nodes().size(), 1u);
  const mm::NodeBootmem& bitmap = m.relay->bootmem().nodes()[0];
  EXPECT_EQ(bitmap.frames(), (mm::PfnRange{Pfn{0x80000}, Pfn{0xac000}}));
  EXPECT_TRUE(bitmap.all_taken({Pfn{0x80000}, Pfn{0x80413}}));  // node 0's own, rounded outward
  EXPECT_TRUE(bitmap.all_taken({Pfn{0x90000}, Pfn{0x90200}}));  // the initrd, in its node
  EXPECT_TRUE(bitmap.all_free({Pfn{0x90200}, Pfn{0xa0000}}));

  // bootmem_free_node: zones; one mem_map for the node
  EXPECT_EQ(m.zone_table(), R"(node 0 Normal: spanned 180224 present 180224 from 0x80000000
node 0 HighMem: spanned 81920 present 81920 from 0xac000000
)");
  m.log.take();
  m.relay->print_layout();
  EXPECT_EQ(m.log.take(), R"(Zone ranges:
  Normal   [mem 0x0000000080000000-0x00000000abffffff]
  HighMem  [mem 0x00000000ac000000-0x00000000bfffffff]
Movable zone start for each node
Early memory node ranges
  node   0: [mem 0x0000000080000000-0x00000000bfffffff]
Initmem setup node 0 [mem 0x0000000080000000-0x00000000bfffffff]
)");
  // From the limit of lowmem down: the relay's own lists, NODE_DATA, mem_map.
  uint64_t lists = 0;
  for (const mm::Reservation& r : m.relay->reservations().entries()) {
    if (mm::has_name(r, "LAYOUT")) lists += r.range.size();
  }
  const Range node_data = m.node(0).node_data;
  EXPECT_EQ(node_data.end, kSpace.lowmem_limit() - lists);
  EXPECT_EQ(m.node(0).mem_map.start, node_data.start - 4 * mm::kMiB);
  EXPECT_EQ(m.node(0).mem_map.size, 4 * mm::kMiB);

  // devicemaps_init: the vectors. kmap_init: the table of 512 entries through which highmem is
  // mapped. The zero page. Each is a page of lowmem from bootmem.
  const auto low_page = [&](const char* name) {
    const Phys page = must(m.relay->boot_alloc(mm::kPageSize, name));
    EXPECT_LT(page, kSpace.lowmem_limit());
    return page;
  };
  const Phys vectors = low_page("VECTORS");
  EXPECT_EQ(mm::devicemaps_init(kSpace, vectors),
            (MappedArea{{vectors, vectors + mm::kPageSize}, 0xffff0000, true, false}));
  const mm::Pkmap pkmap = mm::kmap_init(kSpace, low_page("PKMAP TABLE"));
  EXPECT_EQ(pkmap.window.end - pkmap.window.start, 512 * mm::kPageSize);
  EXPECT_EQ(pkmap.address(0), 0xbfe00000u);
  EXPECT_EQ(pkmap.address(511), 0xbffff000u);
  const Phys zero = low_page("ZERO PAGE");
  std::memset(m.memory.map().at<char>(zero), 0, mm::kPageSize);

  // mem_init: lowmem by the bitmap, then highmem
  EXPECT_EQ(mm::free_highpages(m.relay->reservations().entries(), m.relay->layout(), limits.max_low,
                               [](mm::NodeId, mm::PfnRange) {}),
            81920u);
  must(m.relay->build_zones({}, mm::NodeOrder::Ring));
  must(m.relay->hand_over());
  for (const Phys page : {vectors, pkmap.table, zero, Phys{0x80000000}, Phys{0x80007fff}}) {
    EXPECT_EQ(m.pages().owner_of(mm::pfn_down(page)).use, mm::FrameUse::Reserved) << page.v;
  }

  // 0xac000000 to 0xb0000000 is 64 MiB, to 0xc0000000 256 MiB: what highmem is made of.
  EXPECT_EQ(m.managed(0, ZoneType::HighMem), 81920u);
  EXPECT_NE(m.buddy().find("node 0 HighMem: 1x2^14 1x2^16\n"), std::string::npos) << m.buddy();

  // The initrd goes back at last, as if it had never been there.
  const uint64_t before = m.managed(0, ZoneType::Normal);
  EXPECT_EQ(must(m.relay->give_back("RAMDISK")), 512u);
  EXPECT_EQ(m.managed(0, ZoneType::Normal), before + 512);
}

}  // namespace
