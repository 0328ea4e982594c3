// IA-32 as "Linux Kernel Architecture" tells it: register_bootmem_low_pages, DMA, Normal to 896
// MiB, HighMem above; page 0 and the BIOS areas are kept.
//
//   0     640K  1M        16M                     896M            1G
//   |--usable|  |---------------------usable----------------------|
//   |----- DMA -----------|-------- Normal --------|-- HighMem ----|
#include <gtest/gtest.h>

#include <vector>

#include "mm/e820_trim.h"
#include "mm/lowmem.h"
#include "tests/support/machine32.h"

namespace {

using mm::Pfn;
using mm::Phys;
using mm::Range;
using mm::ZoneType;
using test::Machine32;
using test::must;
using test::range;

TEST(Ia32, FromE820ToBuddy) {
  Machine32 m;
  // A BIOS that calls all of its base memory usable, the EBDA and the SMP table in it, too.
  must(m.e820.append(range(0, 0xa0000), mm::E820Type::Ram));
  must(m.e820.append(range(0xf0000, 0x100000), mm::E820Type::Reserved));
  must(m.e820.append(range(0x100000, 0x40000000), mm::E820Type::Ram));
  const Pfn max_pfn = m.e820.last_pfn();
  const Pfn max_low = mm::pfn_down(Phys{mm::kIa32Lowmem});
  EXPECT_EQ(max_pfn, Pfn{0x40000});

  m.reserve(0x100000, 0x400000, "TEXT DATA BSS");
  must(mm::reserve_ia32_low(m.reservations, {.ebda = range(0x9fc00, 0xa0000),
                                             .trampoline = range(0x1000, 0x2000),
                                             .acpi_wakeup = range(0x4000, 0x5000),
                                             .smp_config = range(0x8f300, 0x8f400)}));
  m.find_zones(mm::ia32_zone_limits(max_low, max_pfn), max_low);
  EXPECT_EQ(m.zone_table(), R"(node 0 DMA: spanned 4096 present 4000 from 0x0
node 0 Normal: spanned 225280 present 225280 from 0x1000000
node 0 HighMem: spanned 32768 present 32768 from 0x38000000
)");
  m.place();

  // init_bootmem: all taken. register_bootmem_low_pages: what e820 calls usable below 896 MiB is
  // freed. Then the reservations, the bitmap's own among them.
  std::vector<mm::NodeBootmem> bitmaps(1);
  ASSERT_EQ(m.init_bootmem(bitmaps), 1u);
  EXPECT_TRUE(bitmaps[0].all_taken({Pfn{0}, max_low}));
  mm::Bootmem bootmem(bitmaps);
  bootmem.free_active(m.numa.active);
  EXPECT_TRUE(bitmaps[0].all_taken({Pfn{0xa0}, Pfn{0x100}}));  // no RAM: the BIOS's
  EXPECT_TRUE(bitmaps[0].all_free({Pfn{0}, Pfn{0xa0}}));       // page 0, too, for now
  bootmem.take_reservations(m.reservations, range(0, mm::kIa32Lowmem), {});
  for (const uint64_t frame : {0x0, 0x1, 0x4, 0x8f, 0x9f}) {
    EXPECT_TRUE(bitmaps[0].all_taken({Pfn{frame}, Pfn{frame + 1}})) << frame;
  }

  m.build_all_zonelists();
  mm::free_all_bootmem(bootmem, m.layout, m.releaser());
  EXPECT_EQ(mm::free_highpages(m.reservations.entries(), m.layout, max_low, m.releaser()), 32768u);
  must(mm::release_reservations(m.reservations, "BOOTMAP", m.layout, m.releaser()));

  EXPECT_EQ(m.managed(0, ZoneType::HighMem), 32768u);
  EXPECT_EQ(m.managed(0, ZoneType::Dma), 4000u - 5 - 768);
  for (const uint64_t frame : {0x0, 0x1, 0x4, 0x8f, 0x9f, 0xa0, 0xf0, 0xff, 0x100, 0x3ff}) {
    EXPECT_NE(m.pages.owner_of(Pfn{frame}).use, mm::FrameUse::Free) << frame;
  }
  // [2, 4): 2; [5, 0x8f): 1 2 8 16 32 64 and then 8 4 2 1; [0x90, 0x9f): 8 4 2 1;
  // [0x400, 0x1000): 4 MiB and 8 MiB.
  EXPECT_NE(m.buddy().find("node 0 DMA: 3x2^0 4x2^1 2x2^2 3x2^3 1x2^4 1x2^5 1x2^6 1x2^10 1x2^11\n"),
            std::string::npos)
      << m.buddy();
  EXPECT_NE(m.buddy().find("node 0 HighMem: 1x2^15\n"), std::string::npos) << m.buddy();
}

// AMD64 of the same book: contig_initmem asks for the bitmap's page count, finds room in e820, and
// a single reserve_bootmem for the bitmap is all: nothing in low memory is special.
TEST(Amd64, ContigInitmem) {
  Machine32 m;
  must(m.e820.append(range(0x1000, 0xa0000), mm::E820Type::Ram));
  must(m.e820.append(range(0x100000, 0x10000000), mm::E820Type::Ram));
  m.find_zones(mm::x86_64_zone_limits(m.e820.last_pfn()), m.e820.last_pfn());
  std::vector<mm::NodeBootmem> bitmaps(1);
  ASSERT_EQ(must(mm::init_bootmem(m.nodes, bitmaps, m.numa.active, m.e820, m.reservations,
                                  m.memory.map(), {})),
            1u);
  mm::Bootmem bootmem(bitmaps);
  bootmem.free_active(m.numa.active);
  ASSERT_EQ(m.reservations.entries().size(), 1u);
  EXPECT_STREQ(m.reservations.entries()[0].name, "BOOTMAP");
  bootmem.reserve(m.reservations.entries()[0].range);
  const uint64_t map = mm::NodeBootmem::bootmap_bytes(m.nodes[0].spanned) / mm::kPageSize;
  EXPECT_EQ(bitmaps[0].count_free(), 0x9f + 0xff00 - map);
}

}  // namespace
