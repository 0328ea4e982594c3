// IA-32 as "Linux Kernel Architecture" tells it: register_bootmem_low_pages, DMA, Normal to 896
// MiB, HighMem above; page 0 and the BIOS areas are kept.
//
//   0     640K  1M        16M                     896M            1G
//   |--usable|  |---------------------usable----------------------|
//   |----- DMA -----------|-------- Normal --------|-- HighMem ----|
#include <gtest/gtest.h>

#include <vector>

#include "mm/arm/lowmem.h"
#include "mm/x86_64/ia32.h"
#include "tests/support/laid_out.h"
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
  EXPECT_EQ(max_pfn, Pfn{0x40000});

  m.reserve(0x100000, 0x400000, "TEXT DATA BSS");
  must(mm::reserve_ia32_low(m.in_use, {.ebda = range(0x9fc00, 0xa0000),
                                       .trampoline = range(0x1000, 0x2000),
                                       .acpi_wakeup = range(0x4000, 0x5000),
                                       .smp_config = range(0x8f300, 0x8f400)}));
  // The kernel of 2.6.2x trims nothing.
  mm::Platform platform = mm::ia32_platform(Phys{mm::kIa32Lowmem});
  platform.trim = nullptr;
  m.lay_out(platform, Phys{mm::kIa32Lowmem});
  EXPECT_EQ(m.zone_table(), R"(node 0 DMA: spanned 4096 present 4000 from 0x0
node 0 Normal: spanned 225280 present 225280 from 0x1000000
node 0 HighMem: spanned 32768 present 32768 from 0x38000000
)");

  // init_bootmem: all taken. register_bootmem_low_pages: what e820 calls usable below 896 MiB is
  // freed.
  const Pfn max_low = mm::pfn_down(Phys{mm::kIa32Lowmem});
  test::OwnBitmaps own(m, max_low);
  ASSERT_EQ(own.nodes.size(), 1u);
  EXPECT_TRUE(own.nodes[0].all_taken({Pfn{0}, max_low}));
  own.bootmem.free_active(m.relay->numa().active);
  EXPECT_TRUE(own.nodes[0].all_taken({Pfn{0xa0}, Pfn{0x100}}));  // no RAM: the BIOS's
  EXPECT_TRUE(own.nodes[0].all_free({Pfn{0}, Pfn{0xa0}}));       // page 0, too, for now
  EXPECT_TRUE(own.nodes[0].all_free({Pfn{0x100}, max_low}));

  // Then the reservations, the bitmap's own among them.
  must(m.relay->start_boot_allocator(mm::Road::Bootmem));
  ASSERT_EQ(m.relay->bootmem().nodes().size(), 1u);
  const mm::NodeBootmem& bitmap = m.relay->bootmem().nodes()[0];
  EXPECT_TRUE(bitmap.all_taken({Pfn{0xa0}, Pfn{0x100}}));  // no RAM: the BIOS's
  for (const uint64_t frame : {0x0, 0x1, 0x4, 0x8f, 0x9f}) {
    EXPECT_TRUE(bitmap.all_taken({Pfn{frame}, Pfn{frame + 1}})) << frame;
  }
  EXPECT_TRUE(bitmap.all_free({Pfn{0x10}, Pfn{0x8f}}));  // the bitmap lies from 5 on

  must(m.relay->build_zones({}, mm::NodeOrder::Ring));
  must(m.relay->hand_over());

  EXPECT_EQ(m.managed(0, ZoneType::HighMem), 32768u);
  EXPECT_EQ(m.managed(0, ZoneType::Dma), 4000u - 5 - 768 - 1);
  for (const uint64_t frame : {0x0, 0x1, 0x4, 0x8f, 0x9f, 0xa0, 0xf0, 0xff, 0x100, 0x3ff, 0x400}) {
    EXPECT_NE(m.pages().owner_of(Pfn{frame}).use, mm::FrameUse::Free) << frame;
  }
  // [2, 4): 2; [5, 0x8f): 1 2 8 16 32 64 and then 8 4 2 1; [0x90, 0x9f): 8 4 2 1. At 0x400 lies the
  // list of reservations; [0x401, 0x1000): 1 2 4 ... 512, and 8 MiB.
  EXPECT_NE(m.buddy().find("node 0 DMA: 4x2^0 5x2^1 3x2^2 4x2^3 2x2^4 2x2^5 2x2^6 1x2^7 1x2^8 "
                           "1x2^9 1x2^11\n"),
            std::string::npos)
      << m.buddy();
  EXPECT_NE(m.buddy().find("node 0 HighMem: 1x2^15\n"), std::string::npos) << m.buddy();
}

// Linux 6.1's 686-pae on QEMU's q35 with 6 GiB and with 512 MiB less the firmware's.
TEST(Ia32, SaysHowMuchIsLowmem) {
  test::Log log;
  mm::print_lowmem(Pfn{0x200000}, Pfn{0x36ffe}, log.printer());
  mm::print_lowmem(Pfn{0x1ef70}, Pfn{0x36ffe}, log.printer());
  EXPECT_EQ(log.text(), R"(7312MB HIGHMEM available.
879MB LOWMEM available.
  mapped low ram: 0 - 36ffe000
  low ram: 0 - 36ffe000
0MB HIGHMEM available.
495MB LOWMEM available.
  mapped low ram: 0 - 1ef70000
  low ram: 0 - 1ef70000
)");
}

// AMD64 of the same book: contig_initmem asks for the bitmap's page count, finds room in e820, and
// a single reserve_bootmem for the bitmap is all: nothing in low memory is special.
TEST(Amd64, ContigInitmem) {
  test::LaidOut laid(R"(
BIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000000fffffff] usable
)");
  const test::PretendMemory memory(Phys{0x10000000});
  std::vector<mm::NodeBootmem> bitmaps(1);
  ASSERT_EQ(must(mm::init_bootmem(laid.nodes, bitmaps, laid.numa.active, laid.machine.e820,
                                  laid.reservations, memory.map(), {})),
            1u);
  mm::Bootmem bootmem(bitmaps);
  bootmem.free_active(laid.numa.active);
  ASSERT_EQ(laid.reservations.entries().size(), 1u);
  EXPECT_STREQ(laid.reservations.entries()[0].name, "BOOTMAP");
  bootmem.reserve(laid.reservations.entries()[0].range);
  const uint64_t map = mm::NodeBootmem::bootmap_bytes(laid.nodes[0].spanned) / mm::kPageSize;
  EXPECT_EQ(bitmaps[0].count_free(), 0x9f + 0xff00 - map);
}

}  // namespace
