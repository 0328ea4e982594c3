#include "mm/ledger.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/support/laid_out.h"

namespace {

using mm::Phys;
using mm::ZoneType;

constexpr const char* kDrawing = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved
BIOS-e820: [mem 0x0000000000100000-0x000000001fffffff] usable
BIOS-e820: [mem 0x00000000fffc0000-0x00000000ffffffff] reserved
)";

// A machine whose allocator says what it should, until a test spoils it.
struct Books {
  // Frames of DMA32 that are in blocks of another kind than free ones.
  static constexpr mm::PfnRange kListed{{0x2000}, {0x2007}};
  static constexpr mm::PfnRange kAllocated{{0x3000}, {0x3064}};

  test::DrawnMachine firmware{kDrawing};
  test::LaidOut laid{kDrawing};
  mm::FirmwareRam ram = test::firmware_ram(firmware.firmware, firmware.e820);
  uint64_t added = 0;
  std::vector<mm::MemoryAffinity> srat;
  std::vector<mm::NamedBytes> trims;
  mm::PerZone<mm::ZoneUse> zones{};
  mm::Pfn reserved_in_block{~uint64_t{0}};
  decltype(mm::AllocatorBooks::count_blocks) count = count_blocks;

  Books() {
    test::must(laid.reservations.reserve({Phys{0x1000000}, Phys{0x1234567}}, "TEXT DATA BSS"));
    test::must(laid.reservations.reserve({Phys{0x1234567}, Phys{0x1235800}}, "HANDOFF"));
    test::must(laid.reservations.reserve({Phys{0x1f000000}, Phys{0x1f001000}}, "MEMMAP"));
    test::must(laid.reservations.reserve({Phys{0x1f100000}, Phys{0x1f101000}}, "MEMMAP"));
    test::must(laid.reservations.reserve({Phys{0xf8000}, Phys{0xf9000}}, "SMBIOS"));
    trims = {{"page 0", laid.trims.bytes_of(mm::kPageZero)},
             {"BIOS hole", laid.trims.bytes_of(mm::kBiosHole)},
             {"mem=", 0}};
    zones[ZoneType::Dma] = {.managed = 0x9e + 0xf00, .free = 0x9e + 0xf00, .on_cpu_lists = 0};
    zones[ZoneType::Dma32] = {
        .managed = 0x1f000 - 0x236 - 2, .free = 0x1f000 - 0x236 - 2 - 107, .on_cpu_lists = 7};
  }

  static const Books& of(const void* context) { return *static_cast<const Books*>(context); }
  static mm::ZoneUse counters(const void* context, mm::NodeId, ZoneType zone) {
    return of(context).zones[zone];
  }
  static mm::Result<> count_blocks(const void*, mm::NodeId, ZoneType, mm::PfnRange frames,
                                   mm::BlockFrames& found) {
    const uint64_t listed = frames.clip(kListed).size();
    const uint64_t allocated = frames.clip(kAllocated).size();
    found.free += frames.size() - listed - allocated;
    found.on_cpu_lists += listed;
    found.allocated += allocated;
    return {};
  }
  static mm::Pfn first_in_block(const void* context, mm::NodeId, mm::PfnRange frames) {
    const mm::Pfn in_block = of(context).reserved_in_block;
    return frames.contains(in_block) ? in_block : frames.end;
  }

  std::string close() {
    const mm::LedgerInput input{.firmware = ram,
                                .added = added,
                                .trims = trims,
                                .end = {},
                                .e820 = &laid.machine.e820,
                                .reservations = laid.reservations.entries(),
                                .srat = srat,
                                .active = laid.numa.active,
                                .nodes = laid.nodes,
                                .books = {counters, count, first_in_block, this}};
    test::Log log;
    const auto closed = mm::close_ledger(input, log.printer());
    return closed.ok() ? log.take() : test::describe(closed.error());
  }
};

TEST(Ledger, EveryByteHasAName) {
  EXPECT_EQ(Books().close(), R"(Ledger: address space                            4294967296 bytes
Ledger:   reserved                               331776
Ledger:   usable                              536472576
Ledger:   gaps                               3758162944
Ledger: RAM in the firmware's map                 536476672 bytes
Ledger: usable in e820                            536476672 bytes
Ledger:   page 0                                   4096
Ledger:   BIOS hole                                   0
Ledger:   mem=                                        0
Ledger:   sub-page edges                           3072
Ledger:   TEXT DATA BSS                         2311527
Ledger:   HANDOFF                                  4761
Ledger:   MEMMAP                                   8192
Ledger:   rest of reserved frames                  2048
Ledger:   free in buddy                       533704704
Ledger:   on per-CPU lists                        28672
Ledger:   allocated                              409600
Ledger: closed, 0 bytes unaccounted for
)");
}

TEST(Ledger, ALostFrameIsMissedInItsZone) {
  Books books;
  books.zones[ZoneType::Dma32].managed -= 1;
  books.zones[ZoneType::Dma32].free -= 1;
  EXPECT_EQ(books.close(),
            "error: DMA32: managed frames are not what no reservation holds: 126408 expected, "
            "126407 found\n");
}

TEST(Ledger, CountersThatDoNotKnowTheirBlocksAreNoticed) {
  Books books;
  books.zones[ZoneType::Dma].managed += 1;
  EXPECT_EQ(
      books.close(),
      "error: DMA: managed frames are not what no reservation holds: 3998 expected, 3999 found\n");
  books = {};
  books.zones[ZoneType::Dma32].free += 1;
  EXPECT_EQ(books.close(),
            "error: DMA32: frames of free blocks are not as many as the zone counts: 126301 "
            "expected, 126302 found\n");
  books = {};
  books.zones[ZoneType::Dma32].on_cpu_lists += 1;
  EXPECT_EQ(
      books.close(),
      "error: DMA32: frames on CPU lists are not as many as the CPUs count: 7 expected, 8 found\n");
}

// The counters are right: only who looks at the blocks sees it.
TEST(Ledger, AnAllocatedFrameThatIsInNoBlockIsNoticed) {
  struct Lost : Books {
    static mm::Result<> count(const void* context, mm::NodeId node, ZoneType zone,
                              mm::PfnRange frames, mm::BlockFrames& found) {
      const mm::Result<> counted = count_blocks(context, node, zone, frames, found);
      if (frames.contains(kAllocated)) --found.allocated;
      return counted;
    }
  };
  Books books;
  books.count = Lost::count;
  EXPECT_EQ(books.close(),
            "error: DMA32: managed frames are not free, on CPU lists or allocated: 126408 "
            "expected, 126407 found\n");
}

TEST(Ledger, AReservedFrameInABlockIsNamed) {
  Books books;
  books.reserved_in_block = {0x1100};
  EXPECT_EQ(books.close(),
            "error: TEXT DATA BSS: a reserved frame is in a free or allocated block (address "
            "0x1100000)\n");
}

TEST(Ledger, ATrimWithoutANameIsNoticed) {
  Books books;
  books.trims[0].bytes = 0;
  EXPECT_NE(books.close().find("the firmware's usable memory is not what is left and what was "
                               "trimmed: 536476672 expected, 536472576 found"),
            std::string::npos);
}

TEST(Ledger, WhatIsLostBeforeE820IsNamed) {
  Books books;
  std::vector<mm::E820Entry> more = books.firmware.firmware;
  more.push_back({{Phys{0x40000000}, Phys{0x50000000}}, mm::E820Type::Ram});
  books.ram = test::firmware_ram(more, books.firmware.e820);
  EXPECT_EQ(books.close(),
            "error: e820: RAM of the firmware's map is not usable, and nobody says why (start "
            "0x40000000, end 0x50000000)\n");
}

TEST(Ledger, WhatOnlyE820CallsUsableIsNamed) {
  Books books;
  std::vector<mm::E820Entry> less = books.firmware.firmware;
  less[2].range.start = Phys{0x200000};
  books.ram = test::firmware_ram(less, books.firmware.e820);
  EXPECT_EQ(books.close(),
            "error: e820: usable memory is no RAM in the firmware's map (start 0x100000, end "
            "0x200000)\n");
}

TEST(Ledger, WhatTheFirmwareSaysTwiceHasAName) {
  Books books;
  std::vector<mm::E820Entry> more = books.firmware.firmware;
  more.push_back({{Phys{0x200000}, Phys{0x300000}}, mm::E820Type::Ram});
  more.push_back({{Phys{0xf0000}, Phys{0xf4000}}, mm::E820Type::Ram});
  books.ram = test::firmware_ram(more, books.firmware.e820);
  const std::string said = books.close();
  EXPECT_NE(said.find(R"(
Ledger: RAM in the firmware's map                 537541632 bytes
Ledger:   said twice                            1048576
Ledger:   of another type, too                    16384
Ledger: usable in e820                            536476672 bytes
)"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("Ledger: closed"), std::string::npos) << said;
}

// The account of the firmware's map is wrong in itself.
TEST(Ledger, RamThatTheFirmwareAccountMissesIsNoticed) {
  Books books;
  books.ram.claimed += 4096;
  EXPECT_EQ(books.close(),
            "error: e820: RAM of the firmware's map is not what is usable and what is named: "
            "536480768 expected, 536476672 found\n");
}

TEST(Ledger, WhatMemmapAddsHasAName) {
  Books books;
  books.added = 0x1000;
  books.trims.push_back({"memmap=", 0x1000});
  const std::string said = books.close();
  EXPECT_NE(said.find("Ledger:   added by memmap=                         4096\n"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("Ledger: closed"), std::string::npos) << said;
}

TEST(Ledger, RamThatIsInNoNodeIsNoticed) {
  Books books;
  books.laid.active_storage[1].pfns.end -= 1;
  EXPECT_EQ(books.close(),
            "error: nodes: frames are in no node, and no border cuts them (start 0x1ffff000, end "
            "0x20000000)\n");
}

TEST(Ledger, RamThatIsNoneIsNoticed) {
  Books books;
  books.laid.active_storage[0].pfns.end += 5;
  EXPECT_NE(books.close().find("active range is not all usable (start "), std::string::npos);
}

TEST(Ledger, ZonesThatMiscountAreNoticed) {
  Books books;
  books.laid.nodes[0].zones[ZoneType::Dma32].present += 1;
  EXPECT_NE(books.close().find("present frames of the zone are not its RAM"), std::string::npos);
}

}  // namespace
