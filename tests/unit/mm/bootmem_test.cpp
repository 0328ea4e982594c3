#include "mm/bootmem.h"

#include <gtest/gtest.h>
#include <algorithm>

#include <cinttypes>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "mm/handover.h"
#include "tests/support/drawn_machine.h"
#include "tests/support/laid_out.h"
#include "tests/support/pretend_memory.h"

namespace {

using mm::Bootmem;
using mm::NodeBootmem;
using mm::Pfn;
using mm::PfnRange;
using mm::Phys;
using mm::Range;

constexpr PfnRange frames(uint64_t start, uint64_t end) { return {Pfn{start}, Pfn{end}}; }

// A bitmap in memory that is full of plausible nonsense beforehand.
struct OneNode {
  std::vector<uint64_t> memory;
  NodeBootmem bitmap;

  explicit OneNode(PfnRange range, uint64_t rubbish = 0x5a5a'0102'0000'ffff)
      : memory(NodeBootmem::bootmap_bytes(range) / 8, rubbish) {
    test::must(bitmap.init(0, range, std::as_writable_bytes(std::span(memory))));
  }

  std::string free_runs() const {
    std::string text;
    const PfnRange all = bitmap.frames();
    for (PfnRange run = bitmap.next_free(all.start, all); !run.empty();
         run = bitmap.next_free(run.end, all)) {
      char line[64];
      std::snprintf(line, sizeof(line), "[0x%" PRIx64 " 0x%" PRIx64 ") ", run.start.v, run.end.v);
      text += line;
    }
    return text;
  }
};

TEST(NodeBootmem, IsAllTakenAtFirst) {
  const OneNode node(frames(0x12345, 0x45678));
  EXPECT_EQ(node.free_runs(), "");
  EXPECT_TRUE(node.bitmap.all_taken(frames(0x12345, 0x45678)));
}

TEST(NodeBootmem, GiveAndTake) {
  OneNode node(frames(0, 0x100000));
  node.bitmap.give(frames(0x1, 0xa0));
  node.bitmap.give(frames(0x100, 0xfffff));
  EXPECT_EQ(node.free_runs(), "[0x1 0xa0) [0x100 0xfffff) ");
  node.bitmap.take(frames(0x1000, 0x1001));
  node.bitmap.take(frames(0x2000, 0x5000));
  EXPECT_EQ(node.free_runs(), "[0x1 0xa0) [0x100 0x1000) [0x1001 0x2000) [0x5000 0xfffff) ");
  node.bitmap.give(frames(0x1800, 0x2800));
  EXPECT_EQ(node.free_runs(), "[0x1 0xa0) [0x100 0x1000) [0x1001 0x2800) [0x5000 0xfffff) ");
  node.bitmap.give(frames(0, 0x100000));
  EXPECT_EQ(node.free_runs(), "[0x0 0x100000) ");
}

TEST(NodeBootmem, WhatIsOutsideTheNodeIsLeftAlone) {
  OneNode node(frames(0x1234, 0x2345));
  node.bitmap.give(frames(0, 0x100000));
  EXPECT_EQ(node.free_runs(), "[0x1234 0x2345) ");
  EXPECT_FALSE(node.bitmap.all_free(frames(0x1233, 0x1235)));
}

TEST(NodeBootmem, AgreesWithASetOfBits) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    const uint64_t start = random() % 10000;
    const uint64_t size = 1 + random() % 30000;
    OneNode node(frames(start, start + size), random());
    std::vector<bool> free(size);
    for (int step = 0; step < 60; ++step) {
      const uint64_t a = random() % size;
      const uint64_t b = a + 1 + random() % std::min<uint64_t>(size - a, 1 + random() % size);
      const bool give = random() % 2 == 0;
      for (uint64_t i = a; i < b; ++i) free[i] = give;
      const PfnRange range = frames(start + a, start + b);
      give ? node.bitmap.give(range) : node.bitmap.take(range);

      std::string expected;
      for (uint64_t i = 0; i < size;) {
        uint64_t end = i;
        while (end < size && free[end] == free[i]) ++end;
        char line[64];
        std::snprintf(line, sizeof(line), "[0x%" PRIx64 " 0x%" PRIx64 ") ", start + i, start + end);
        if (free[i]) expected += line;
        i = end;
      }
      ASSERT_EQ(node.free_runs(), expected) << "seed " << seed << " step " << step;
      const uint64_t c = random() % size;
      const uint64_t d = c + 1 + random() % (size - c);
      ASSERT_EQ(node.bitmap.all_free(frames(start + c, start + d)),
                std::all_of(free.begin() + static_cast<long>(c),
                            free.begin() + static_cast<long>(d), [](bool f) { return f; }));
    }
  }
}

TEST(NodeBootmem, AsksForRoom) {
  NodeBootmem node;
  std::vector<std::byte> small(8);
  EXPECT_FALSE(node.init(0, frames(0, 4096), small).ok());
  EXPECT_FALSE(node.init(0, frames(7, 7), small).ok());
}

// Where pointers have 32 bits, pretend memory wraps, and what lies above 4 GiB has the place of what
// lies as far above 0: the bitmaps of the two nodes, at the start of each, are not in each other's.
constexpr const char* kTwoNodes = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000108000000-0x0000000187ffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x108000000-0x187ffffff]
)";

// The bootmem road as far as early_res_to_bootmem.
struct Road {
  test::LaidOut laid;
  test::PretendMemory memory{Phys{8 * mm::kGiB}};
  std::vector<NodeBootmem> bitmaps;
  Bootmem bootmem;
  test::Log log;

  explicit Road(const std::string& drawing = kTwoNodes) : laid(drawing), bitmaps(8) {}

  void start() {
    const size_t count =
        test::must(mm::init_bootmem(laid.nodes, bitmaps, laid.numa.active, laid.machine.e820,
                                    laid.reservations, memory.map(), log.printer()));
    bootmem = Bootmem(std::span(bitmaps).first(count));
    bootmem.free_active(laid.numa.active);
    bootmem.take_reservations(laid.reservations, {Phys{0}, Phys{0x188000000}}, log.printer());
  }

  std::string handover() {
    test::Log out;
    mm::free_all_bootmem(bootmem, laid.layout(), [&](mm::NodeId node, PfnRange run) {
      out.printer().line("node {} [{} {})", node, run.start, run.end);
    });
    return out.take();
  }
};

TEST(Bootmem, TheWholeRoad) {
  Road road;
  test::must(road.laid.reservations.reserve({Phys{0x1000000}, Phys{0x1234567}}, "TEXT DATA BSS"));
  test::must(road.laid.reservations.reserve({Phys{0x187ff0000}, Phys{0x188000000}}, "RAMDISK"));
  road.start();
  EXPECT_EQ(road.log.text(), R"(  bootmap [0000000000001000 -  0000000000011fff] pages 11
  bootmap [0000000108000000 -  0000000108010fff] pages 11
(4/64 early reservations) ==> bootmem [0000000000 - 0188000000]
  #0 [0000001000 - 0000012000]          BOOTMAP ==> [0000001000 - 0000012000]
  #1 [0001000000 - 0001234567]    TEXT DATA BSS ==> [0001000000 - 0001234567]
  #2 [0108000000 - 0108011000]          BOOTMAP ==> [0108000000 - 0108011000]
  #3 [0187ff0000 - 0188000000]          RAMDISK ==> [0187ff0000 - 0188000000]
)");
  // Runs end at zones: DMA at 0x1000, DMA32 above it; what a reservation touches stays.
  EXPECT_EQ(road.handover(), R"(node 0 [0x12 0xa0)
node 0 [0x100 0x1000)
node 0 [0x1235 0x80000)
node 1 [0x108011 0x187ff0)
)");
}

TEST(Bootmem, ReservationsOutsideTheRangeAreListedOnly) {
  Road road;
  test::must(road.laid.reservations.reserve({Phys{0x1000}, Phys{0x2000}}, "A"));
  test::must(road.laid.reservations.reserve({Phys{0x5000}, Phys{0x9000}}, "B"));
  test::Log log;
  Bootmem().take_reservations(road.laid.reservations, {Phys{0x6000}, Phys{0x8000}}, log.printer());
  EXPECT_EQ(log.text(), R"((2/64 early reservations) ==> bootmem [0000006000 - 0000008000]
  #0 [0000001000 - 0000002000]                A
  #1 [0000005000 - 0000009000]                B ==> [0000006000 - 0000008000]
)");
}

TEST(Bootmem, AllocatesLowestFirstFromTheGoalUp) {
  Road road;
  road.start();
  Bootmem& bootmem = road.bootmem;
  EXPECT_EQ(test::must(bootmem.alloc({.size = 1})), Phys{0x12000});
  EXPECT_EQ(test::must(bootmem.alloc({.size = 5000, .align = 0x10000})), Phys{0x20000});
  EXPECT_EQ(test::must(bootmem.alloc({.size = 0x1000, .goal = Phys{0x1000000}})), Phys{0x1000000});
  // Nothing at or above the goal: from 0 on.
  EXPECT_EQ(test::must(bootmem.alloc({.size = 0x1000, .goal = Phys{0x7ffffff000}})), Phys{0x13000});
  EXPECT_EQ(test::must(bootmem.alloc({.size = 0x1000, .node = 1})), Phys{0x108011000});
  // More than node 1 has below the limit: another node; or an error when only node 1 will do.
  EXPECT_EQ(test::must(bootmem.alloc({.size = 0x1000, .limit = Phys{0x80000000}, .node = 1})),
            Phys{0x14000});
  EXPECT_FALSE(
      bootmem.alloc({.size = 0x1000, .limit = Phys{0x80000000}, .node = 1, .this_node_only = true})
          .ok());
  EXPECT_FALSE(bootmem.alloc({.size = 0}).ok());
  EXPECT_FALSE(bootmem.alloc({.size = 1, .align = 3}).ok());
  EXPECT_FALSE(bootmem.alloc({.size = ~uint64_t{0}}).ok());
  EXPECT_FALSE(bootmem.alloc({.size = 3 * mm::kGiB}).ok());
}

TEST(Bootmem, FreedPartsOfFramesStayTaken) {
  Road road;
  road.start();
  Bootmem& bootmem = road.bootmem;
  const Phys place = test::must(bootmem.alloc({.size = 0x3000, .goal = Phys{0x2000000}}));
  bootmem.free({place + 1, place + 0x3000});
  EXPECT_FALSE(bootmem.nodes()[0].all_free(frames(0x2000, 0x2001)));
  EXPECT_TRUE(bootmem.nodes()[0].all_free(frames(0x2001, 0x2003)));
}

TEST(Bootmem, ExclusiveReservationsDoNotShare) {
  Road road;
  road.start();
  test::must(road.bootmem.reserve_exclusive({Phys{0x15000}, Phys{0x16000}}, "crashkernel"));
  const auto again = road.bootmem.reserve_exclusive({Phys{0x15fff}, Phys{0x17000}}, "crashkernel");
  EXPECT_FALSE(again.ok());
  EXPECT_TRUE(road.bootmem.nodes()[0].all_free(frames(0x16, 0x17)));
}

// The list itself lies in reserved memory: it is kept like all others, and neither counted nor
// printed. Linux has it as entry 0.
TEST(Bootmem, TheListsOwnEntryIsTakenWithoutALine) {
  Road road;
  test::must(road.laid.reservations.reserve({Phys{0x5000}, Phys{0x9000}}, "A"));
  test::must(road.laid.reservations.reserve_itself({Phys{0x20000}, Phys{0x22000}}));
  test::must(road.laid.reservations.reserve({Phys{0x30000}, Phys{0x31000}}, "B"));
  road.start();
  EXPECT_NE(road.log.text().find(R"(
(4/64 early reservations) ==> bootmem [0000000000 - 0188000000]
  #1 [0000005000 - 0000009000]                A ==> [0000005000 - 0000009000]
  #2 [0000009000 - 000001a000]          BOOTMAP ==> [0000009000 - 000001a000]
  #3 [0000030000 - 0000031000]                B ==> [0000030000 - 0000031000]
  #4 [0108000000 - 0108011000]          BOOTMAP ==> [0108000000 - 0108011000]
)"),
            std::string::npos)
      << road.log.text();
  EXPECT_TRUE(road.bootmem.nodes()[0].all_taken(frames(0x20, 0x22)));
}

TEST(Bootmem, WithoutRoomForABitmapThereIsNone) {
  Road road;
  // All but 16 pages at the start of node 0 and 16 at the start of node 1; a bitmap has 17.
  test::must(road.laid.reservations.reserve({Phys{0x11000}, Phys{0x80000000}}, "A"));
  test::must(road.laid.reservations.reserve({Phys{0x108010000}, Phys{0x188000000}}, "B"));
  const auto result =
      mm::init_bootmem(road.laid.nodes, road.bitmaps, road.laid.numa.active, road.laid.machine.e820,
                       road.laid.reservations, road.memory.map(), road.log.printer());
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().what, "Cannot find bootmem map of size (bytes {}, node {})");
  EXPECT_STREQ(result.error().subject, "BOOTMAP");
  EXPECT_EQ(result.error().a, 0x11000u);
  EXPECT_EQ(road.log.text(), "Cannot find bootmem map of size 69632\n");
  // A page more and it is there.
  test::must(road.laid.reservations.free({Phys{0x11000}, Phys{0x12000}}));
  test::must(road.laid.reservations.free({Phys{0x108010000}, Phys{0x108011000}}));
  EXPECT_EQ(test::must(mm::init_bootmem(road.laid.nodes, road.bitmaps, road.laid.numa.active,
                                        road.laid.machine.e820, road.laid.reservations,
                                        road.memory.map(), {})),
            2u);
}

TEST(Handover, GivesWhatReservationsGiveUp) {
  Road road;
  mm::EarlyRes& reservations = road.laid.reservations;
  test::must(reservations.reserve({Phys{0x2000000}, Phys{0x2000800}}, "A"));
  test::must(reservations.reserve({Phys{0x2000800}, Phys{0x2004000}}, "RAMDISK"));
  test::must(reservations.reserve({Phys{0x9f000}, Phys{0x101000}}, "RAMDISK"));
  test::must(reservations.reserve({Phys{0x0fff000}, Phys{0x1001000}}, "RAMDISK"));
  road.start();
  test::Log out;
  const auto visit = [&](mm::NodeId node, PfnRange run) {
    out.printer().line("node {} [{} {})", node, run.start, run.end);
  };
  EXPECT_EQ(mm::release_reservations(reservations, "RAMDISK", road.laid.layout(), visit),
            1 + 1 + 2 + 3u);
  // Only RAM, cut at the zone's border; the frame shared with A stays.
  EXPECT_EQ(out.take(), R"(node 0 [0x9f 0xa0)
node 0 [0x100 0x101)
node 0 [0xfff 0x1000)
node 0 [0x1000 0x1001)
node 0 [0x2001 0x2004)
)");
  EXPECT_EQ(mm::release_reservations(reservations, "A", road.laid.layout(), visit), 1u);
  EXPECT_EQ(out.take(), "node 0 [0x2000 0x2001)\n");
}

TEST(Handover, CutsRunsWhereMirroredMemoryBeginsAndEnds) {
  mm::MovableOptions options;
  options.mirror = true;
  test::LaidOut laid(R"(
BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable
mirrored [mem 0x110000000-0x11fffffff]
mirrored [mem 0x120000000-0x127ffffff]
)",
                     options);
  test::Log out;
  const auto cut = [&](uint64_t start, uint64_t end) {
    mm::for_each_zone_part(laid.nodes[0], laid.numa.active, {Pfn{start}, Pfn{end}},
                           [&](mm::NodeId node, PfnRange part) {
                             out.printer().line("node {} [{} {})", node, part.start, part.end);
                           });
    return out.take();
  };
  EXPECT_EQ(cut(0x100, 0x4000), "node 0 [0x100 0x1000)\nnode 0 [0x1000 0x4000)\n");
  EXPECT_EQ(cut(0x100000, 0x140000),
            "node 0 [0x100000 0x110000)\nnode 0 [0x110000 0x128000)\n"
            "node 0 [0x128000 0x140000)\n");
  EXPECT_EQ(cut(0x111000, 0x127000), "node 0 [0x111000 0x127000)\n");
}

}  // namespace
