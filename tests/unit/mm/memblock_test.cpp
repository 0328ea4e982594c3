#include "mm/memblock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "mm/handover.h"
#include "tests/support/laid_out.h"
#include "tests/support/pretend_memory.h"

namespace {

using mm::Memblock;
using mm::MemblockRegion;
using mm::MemblockType;
using mm::Phys;
using mm::Range;

constexpr Range range(uint64_t start, uint64_t end) { return {Phys{start}, Phys{end}}; }

std::string draw(const MemblockType& type) {
  test::Log log;
  for (const MemblockRegion& r : type.regions()) {
    log.printer().part("[{} {})", r.range.start, r.range.end);
    if (r.node != mm::kNoNode) log.printer().part(" node {}", r.node);
    if ((r.flags & mm::kMemblockHotplug) != 0) log.printer().part(" hotplug");
    if ((r.flags & mm::kMemblockMirror) != 0) log.printer().part(" mirror");
    if ((r.flags & mm::kMemblockNomap) != 0) log.printer().part(" nomap");
    log.printer().line("");
  }
  return log.take();
}

struct Machine {
  std::vector<MemblockRegion> memory_storage;
  std::vector<MemblockRegion> reserved_storage;
  Memblock memblock;
  explicit Machine(size_t slots = 32)
      : memory_storage(slots),
        reserved_storage(slots),
        memblock(memory_storage, reserved_storage) {}
};

TEST(Memblock, AddsWhatIsMissing) {
  Machine m;
  test::must(m.memblock.add(range(0x1000, 0x2000)));
  test::must(m.memblock.add(range(0x8000, 0x9000)));
  test::must(m.memblock.add(range(0x4000, 0x5000)));
  EXPECT_EQ(draw(m.memblock.memory()), R"([0x1000 0x2000)
[0x4000 0x5000)
[0x8000 0x9000)
)");
  test::must(m.memblock.add(range(0x1800, 0x8000)));
  EXPECT_EQ(draw(m.memblock.memory()), "[0x1000 0x9000)\n");
}

TEST(Memblock, WhatTouchesIsOneInWhateverOrderItComes) {
  for (const auto& order :
       {std::array{0, 1, 2, 3}, std::array{3, 2, 1, 0}, std::array{2, 0, 3, 1}}) {
    Machine m;
    for (const int i : order) {
      const uint64_t start = 0x1000 * static_cast<uint64_t>(i + 1);
      test::must(m.memblock.add(range(start, start + 0x1000), i < 3 ? 0 : 1));
      test::must(m.memblock.reserve(range(start, start + 0x1000)));
    }
    EXPECT_EQ(m.memblock.memory().regions().size(), 2u);  // of two nodes
    EXPECT_EQ(m.memblock.reserved().regions().size(), 1u);
  }
}

TEST(Memblock, OfWhatOverlapsTheFirstStays) {
  Machine m;
  test::must(m.memblock.add(range(0x2000, 0x3000), 1));
  test::must(m.memblock.add(range(0x1000, 0x5000), 0));
  EXPECT_EQ(draw(m.memblock.memory()), R"([0x1000 0x2000) node 0
[0x2000 0x3000) node 1
[0x3000 0x5000) node 0
)");
  test::must(m.memblock.set_node(range(0x1800, 0x4000), 0));
  EXPECT_EQ(draw(m.memblock.memory()), "[0x1000 0x5000) node 0\n");
}

TEST(Memblock, RemovesWholeHeadTailAndMiddle) {
  Machine m;
  test::must(m.memblock.add(range(0x1000, 0x9000)));
  test::must(m.memblock.remove(range(0x1000, 0x2000)));
  test::must(m.memblock.remove(range(0x8000, 0xa000)));
  test::must(m.memblock.remove(range(0x4000, 0x5000)));
  EXPECT_EQ(draw(m.memblock.memory()), "[0x2000 0x4000)\n[0x5000 0x8000)\n");
  test::must(m.memblock.remove(range(0, 0x100000)));
  EXPECT_EQ(draw(m.memblock.memory()), "");
  test::must(m.memblock.remove(range(0, 0x100000)));
}

TEST(Memblock, FlagsCutAndJoin) {
  Machine m;
  test::must(m.memblock.add(range(0x1000, 0x9000), 0));
  test::must(m.memblock.mark(range(0x3000, 0x5000), mm::kMemblockHotplug));
  test::must(m.memblock.mark(range(0x4000, 0x6000), mm::kMemblockMirror));
  EXPECT_EQ(draw(m.memblock.memory()), R"([0x1000 0x3000) node 0
[0x3000 0x4000) node 0 hotplug
[0x4000 0x5000) node 0 hotplug mirror
[0x5000 0x6000) node 0 mirror
[0x6000 0x9000) node 0
)");
  test::must(m.memblock.clear(range(0, 0x10000), mm::kMemblockHotplug));
  test::must(m.memblock.clear(range(0, 0x10000), mm::kMemblockMirror));
  EXPECT_EQ(draw(m.memblock.memory()), "[0x1000 0x9000) node 0\n");
}

TEST(Memblock, AllocatesFromTheTopOrTheBottom) {
  Machine m;
  test::must(m.memblock.add(range(0x1000, 0x9000), 0));
  test::must(m.memblock.add(range(0x100000, 0x200000), 1));
  test::must(m.memblock.reserve(range(0x1ff000, 0x200000)));
  EXPECT_EQ(test::must(m.memblock.alloc({.size = 0x100})), Phys{0x1fef00});
  EXPECT_EQ(test::must(m.memblock.alloc({.size = 0x1000, .align = 0x1000})), Phys{0x1fd000});
  EXPECT_EQ(test::must(m.memblock.alloc({.size = 0x10, .bottom_up = true})), Phys{0x1000});
  EXPECT_EQ(test::must(m.memblock.alloc({.size = 0x1000, .align = 0x1000, .bottom_up = true})),
            Phys{0x2000});
  EXPECT_EQ(test::must(m.memblock.alloc({.size = 0x1000, .align = 0x1000, .node = 0})),
            Phys{0x8000});
  // Node 0 has no such place: node 1, or an error.
  EXPECT_EQ(test::must(m.memblock.alloc({.size = 0x10000, .node = 0})), Phys{0x1ed000});
  EXPECT_FALSE(m.memblock.alloc({.size = 0x10000, .node = 0, .exact_node = true}).ok());
  EXPECT_EQ(test::must(m.memblock.alloc({.size = 0x40, .to = Phys{0x7fff}})), Phys{0x7f80});
  EXPECT_EQ(test::must(m.memblock.alloc({.size = 0x40, .from = Phys{0x6001}, .bottom_up = true})),
            Phys{0x6040});
  EXPECT_FALSE(m.memblock.alloc({.size = 0}).ok());
  EXPECT_FALSE(m.memblock.alloc({.size = 1, .align = 3}).ok());
}

TEST(Memblock, KindsOfMemoryAreChosenOrLeftAlone) {
  Machine m;
  test::must(m.memblock.add(range(0x10000, 0x20000), 0));
  test::must(m.memblock.add(range(0x20000, 0x30000), 0, mm::kMemblockHotplug));
  test::must(m.memblock.add(range(0x30000, 0x40000), 0, mm::kMemblockNomap));
  test::must(m.memblock.mark(range(0x10000, 0x11000), mm::kMemblockMirror));
  EXPECT_EQ(test::must(m.memblock.find({.size = 0x100})), Phys{0x2ff00});
  EXPECT_EQ(test::must(m.memblock.find({.size = 0x100, .movable_node = true})), Phys{0x1ff00});
  EXPECT_EQ(test::must(m.memblock.find({.size = 0x100, .mirror = true})), Phys{0x10f00});
  EXPECT_EQ(test::must(m.memblock.find({.size = 0x2000, .align = 64, .mirror = true})),
            Phys{0x2e000});
}

TEST(Memblock, FreeRangesAreMemoryWithoutReservations) {
  Machine m;
  test::must(m.memblock.add(range(0x1000, 0x9000), 0));
  test::must(m.memblock.add(range(0xa000, 0xc000), 1));
  test::must(m.memblock.add(range(0xc000, 0xd000), 1, mm::kMemblockNomap));
  test::must(m.memblock.reserve(range(0x0, 0x1800)));
  test::must(m.memblock.reserve(range(0x4000, 0x5000)));
  test::must(m.memblock.reserve(range(0x8800, 0xa100)));
  test::Log log;
  m.memblock.for_each_free_range(mm::kNoNode, [&](Range free, mm::NodeId node) {
    log.printer().line("[{} {}) {}", free.start, free.end, node);
    return true;
  });
  EXPECT_EQ(log.text(), "[0x1800 0x4000) 0\n[0x5000 0x8800) 0\n[0xa100 0xc000) 1\n");
}

TEST(Memblock, AFullArrayIsAnErrorOrGrows) {
  Machine small(8);
  mm::Result<> result;
  for (uint64_t i = 0; result.ok(); ++i) {
    ASSERT_LT(i, 9u);
    result = small.memblock.add(range(i * 0x10000, i * 0x10000 + 0x8000));
  }
  EXPECT_EQ(test::describe(result.error()),
            "error: memory: array of ranges is full (entries 6, room 8)\n");

  const test::PretendMemory memory(Phys{64 * mm::kMiB});
  Machine m(8);
  m.memblock.allow_resize(memory.map());
  for (uint64_t i = 0; i < 200; ++i) {
    test::must(m.memblock.add(range(i * 0x10000, i * 0x10000 + 0x8000)));
    test::must(m.memblock.reserve(range(i * 0x10000, i * 0x10000 + 0x10)));
  }
  EXPECT_EQ(m.memblock.memory().regions().size(), 200u);
  for (uint64_t i = 0; i < 200; ++i) EXPECT_TRUE(m.memblock.reserved().contains(Phys{i * 0x10000}));
  // The arrays lie in reserved memory.
  for (const Range& own : m.memblock.own_arrays()) {
    ASSERT_FALSE(own.empty());
    EXPECT_TRUE(m.memblock.reserved().contains(own.start));
    EXPECT_TRUE(m.memblock.memory().contains(own.start));
  }
}

// Linux 2.6.34's subtract_early_res: names have a column less than in the lines about bootmem.
TEST(Memblock, SaysWhatIsSubtracted) {
  std::vector<mm::Reservation> storage(8);
  mm::EarlyRes reservations(storage);
  test::must(reservations.reserve(range(0x1000000, 0x1234567), "TEXT DATA BSS"));
  test::must(reservations.reserve(range(0x17fff0000, 0x180000000), "RAMDISK"));
  test::Log log;
  mm::print_subtracted(reservations, log.printer());
  EXPECT_EQ(log.take(), R"(Subtract (2 early reservations)
  #0 [0001000000 - 0001234567]   TEXT DATA BSS
  #1 [017fff0000 - 0180000000]         RAMDISK
)");
  test::must(reservations.reserve_itself(range(0x1300000, 0x1301000)));
  mm::print_subtracted(reservations, log.printer());
  EXPECT_EQ(log.take(), R"(Subtract (3 early reservations)
  #1 [0001000000 - 0001234567]   TEXT DATA BSS
  #2 [017fff0000 - 0180000000]         RAMDISK
)");
}

// The same drawing taken down both roads gives the same frames.
std::vector<bool> frames_of(
    const std::function<void(std::function<void(mm::NodeId, mm::PfnRange)>)>& road, uint64_t end) {
  std::vector<bool> free(end);
  road([&](mm::NodeId, mm::PfnRange run) {
    for (mm::Pfn f = run.start; f < run.end; f += 1) {
      EXPECT_FALSE(free.at(f.v)) << "frame " << f.v << " twice";
      free[f.v] = true;
    }
  });
  return free;
}

TEST(Roads, BootmemAndMemblockHandOverTheSame) {
  const test::PretendMemory memory(Phys{8 * mm::kGiB});
  for (const size_t slots : {8u, 128u}) {
    test::LaidOut laid(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009f7ff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000001fffefff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000011fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x0fffffff]
SRAT: Node 1 PXM 1 [mem 0x10000000-0x17ffffff]
SRAT: Node 0 PXM 0 [mem 0x18000000-0x1fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x11fffffff] hotplug
)");
    for (uint64_t i = 0; i < 40; ++i) {
      const uint64_t at = 0x200000 + i * 0x600100;
      test::must(laid.reservations.reserve(range(at, at + 0x1234 * i + 1), "X"));
    }
    Machine machine(slots);
    machine.memblock.allow_resize(memory.map());
    machine.memblock.set_current_limit(memory.end_of_low());
    test::must(mm::memblock_from(machine.memblock, laid.numa.active, laid.reservations.entries()));
    const auto by_memblock = frames_of(
        [&](const auto& visit) {
          // Its arrays hold something else as soon as they are free.
          mm::free_all_memblock(
              machine.memblock, laid.layout(), [&](mm::NodeId node, mm::PfnRange run) {
                visit(node, run);
                for (const Range& array : machine.memblock.own_arrays()) {
                  if (array.empty() || !phys(run).contains(array)) continue;
                  std::fill_n(memory.map().at<uint8_t>(array.start), array.size(), uint8_t{0xaa});
                }
              });
        },
        0x120000);

    std::vector<mm::NodeBootmem> bitmaps(2);
    ASSERT_EQ(test::must(mm::init_bootmem(laid.nodes, bitmaps, laid.numa.active, laid.machine.e820,
                                          laid.reservations, memory.map(), {})),
              2u);
    mm::Bootmem bootmem(bitmaps);
    bootmem.free_active(laid.numa.active);
    bootmem.take_reservations(laid.reservations, range(0, mm::kMaxPhys), {});
    const auto by_bootmem = frames_of(
        [&](const auto& visit) {
          mm::free_all_bootmem(bootmem, laid.layout(), visit);
          mm::release_reservations(laid.reservations, "BOOTMAP", laid.layout(), visit);
        },
        0x120000);
    EXPECT_TRUE(by_memblock == by_bootmem) << slots;
  }
}

}  // namespace
