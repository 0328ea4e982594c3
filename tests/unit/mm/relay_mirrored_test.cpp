// kernelcore=mirror through the whole relay.
#include "mm/relay.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mm/audit.h"
#include "tests/support/relayed.h"

namespace {

// kernelcore=mirror: two zones of one span, whose borders lie anywhere.
const char* const kMirrored = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
mirrored [mem 0x00000000-0x03ffffff]
mirrored [mem 0x102003000-0x102003fff]
mirrored [mem 0x110000000-0x140000fff]
mirrored [mem 0x140200000-0x1403fffff]
mirrored [mem 0x160000000-0x16fffffff]
)";

mm::PfnRange frames(uint64_t start, uint64_t end) { return {mm::Pfn{start}, mm::Pfn{end}}; }

// That machine, with what its tests ask of it.
struct Mirrored : test::Relayed {
  explicit Mirrored(mm::Road road) : Relayed(kMirrored, options(road)) {}

  static test::RelayOptions options(mm::Road road) {
    test::RelayOptions options;
    options.road = road;
    options.movable.mirror = true;
    return options;
  }
  [[nodiscard]] mm::PageAllocator<mm::OneCpu>& pages() { return relay.pages(); }
  [[nodiscard]] mm::ZoneType zone_of(mm::Pfn pfn) { return pages().owner_of(pfn).zone; }
};

constexpr mm::Road kRoads[] = {mm::Road::Bootmem, mm::Road::Memblock};

//   0x100000  0x102003  0x110000  0x140001  0x140200  0x140400  0x160000  0x170000  0x180000
//      | Movable  |1| Movable | Normal  | Movable | Normal  | Movable | Normal  | Movable |
TEST(RelayMirrored, MirroredRangesAreNormalAndTheOthersMovable) {
  for (const mm::Road road : kRoads) {
    Mirrored machine(road);
    const auto expect_free = [&](uint64_t pfn, mm::ZoneType zone) {
      const mm::FrameOwner owner = machine.pages().owner_of(mm::Pfn{pfn});
      EXPECT_EQ(owner.use, mm::FrameUse::Free) << std::hex << pfn;
      EXPECT_EQ(owner.zone, zone) << std::hex << pfn;
    };
    for (const uint64_t pfn :
         {0x100000, 0x102002, 0x102004, 0x10ffff, 0x140001, 0x1401ff, 0x140400, 0x170000}) {
      expect_free(pfn, mm::ZoneType::Movable);
    }
    // NODE_DATA and its like lie at the end of the last mirrored range.
    for (const uint64_t pfn : {0x102003, 0x110000, 0x140000, 0x140200, 0x1403ff, 0x160000}) {
      expect_free(pfn, mm::ZoneType::Normal);
    }
  }
}

TEST(RelayMirrored, BothRoadsHandOverTheSame) {
  Mirrored bitmap(mm::Road::Bootmem);
  Mirrored ranges(mm::Road::Memblock);
  EXPECT_EQ(bitmap.buddy(), ranges.buddy());
  for (Mirrored* machine : {&bitmap, &ranges}) {
    EXPECT_EQ(machine->pages().counts().free, test::frames_left(machine->relay));
    test::must(mm::audit(machine->pages()));
  }
}

// Whole GiBs of one kind: the other zone spans them, too, and its maps are made ready with them.
TEST(RelayMirrored, BothZonesKeepTheirMapsOfAllRamThatTheySpan) {
  test::RelayOptions options = Mirrored::options(mm::Road::Memblock);
  test::Relayed machine(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x00000002ffffffff] usable
mirrored [mem 0x00000000-0x03ffffff]
mirrored [mem 0x140000000-0x1bfffffff]
mirrored [mem 0x200000000-0x2bfffffff]
)",
                        options);
  const mm::NodeLayout& node = machine.relay.layout().nodes[0];
  for (const mm::ZoneType type : {mm::ZoneType::Normal, mm::ZoneType::Movable}) {
    const mm::ZoneLayout& zone = node.zones[type];
    ASSERT_GE(zone.spanned.size(), 5 * mm::kGigaFrames);
    const uint64_t each = mm::pageblocks_bytes();
    for (uint64_t i = 0; i < zone.spanned.size() / mm::kGigaFrames; ++i) {
      const mm::Range part{zone.pageblocks.start + i * each,
                           zone.pageblocks.start + (i + 1) * each};
      const mm::Reservation* kept = machine.relay.reservations().overlapping(part);
      ASSERT_NE(kept, nullptr) << mm::zone_name(type) << " GiB " << i;
      EXPECT_TRUE(kept->range.contains(part));
    }
  }
}

TEST(RelayMirrored, WhatCanMoveComesFromOtherMemoryFirst) {
  for (const mm::Road road : kRoads) {
    Mirrored machine(road);
    const mm::Gfp movable = mm::kGfpUser | mm::kGfpFlagMovable | mm::kGfpFlagHighMem;
    const mm::PagesOr page = machine.pages().alloc_pages(0, movable, 0, 0);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(machine.zone_of(page.value()), mm::ZoneType::Movable);
  }
}

TEST(RelayMirrored, TheKernelGetsMirroredMemoryToTheLastBlock) {
  for (const mm::Road road : kRoads) {
    Mirrored machine(road);
    const uint64_t before = machine.pages().counts().free;
    auto& pages = machine.pages();
    std::vector<mm::Pfn> taken;
    while (true) {
      const mm::PagesOr block = pages.alloc_pages(0, mm::kGfpKernel | mm::kGfpFlagNoWarn, 3, 0);
      if (!block.ok()) break;
      ASSERT_NE(machine.zone_of(block.value()), mm::ZoneType::Movable);
      ASSERT_FALSE(pages.free_pages(0, block.value() + 1, 2).ok());  // the middle of a block
      taken.push_back(block.value());
    }
    test::must(mm::audit(pages));
    EXPECT_GT(taken.size(), 0x40000u / 8 * 9 / 10);
    for (const mm::Pfn pfn : taken) ASSERT_TRUE(pages.free_pages(0, pfn, 3).ok());
    pages.drain_all();
    test::must(mm::audit(pages));
    EXPECT_EQ(machine.pages().counts().free, before);
  }
}

//          0x10fe00       0x110000        0x110200
//   | pageblock: Movable     | pageblock: Normal    |         neither range is of one zone:
//
//          0x140000  0x140001             0x140200            nothing in it can be isolated
//   | pageblock: | Normal | Movable          |
TEST(RelayMirrored, APageblockOfBothKindsIsNotIsolated) {
  for (const mm::Road road : kRoads) {
    Mirrored machine(road);
    EXPECT_FALSE(machine.pages().isolate(frames(0x140000, 0x140200)).ok());
    EXPECT_FALSE(machine.pages().isolate(frames(0x10fe00, 0x110200)).ok());
    test::must(mm::audit(machine.pages()));
  }
}

TEST(RelayMirrored, APageblockOfOneKindIsIsolatedAndComesBack) {
  for (const mm::Road road : kRoads) {
    Mirrored machine(road);
    for (const auto range : {frames(0x140200, 0x140400), frames(0x140400, 0x140800)}) {
      test::must(machine.pages().isolate(range));
      test::must(mm::audit(machine.pages()));
      test::must(machine.pages().unisolate(range, mm::Migratetype::Movable));
      test::must(mm::audit(machine.pages()));
    }
  }
}

// Those of Movable in front would do, were they not Movable's.
TEST(RelayMirrored, PagesInARowForTheKernelAreMirrored) {
  for (const mm::Road road : kRoads) {
    Mirrored machine(road);
    const mm::PagesOr row = machine.pages().alloc_contig_pages(0, mm::kGfpKernel, 0x1800, 1, 0);
    ASSERT_TRUE(row.ok());
    EXPECT_NE(machine.zone_of(row.value()), mm::ZoneType::Movable);
    EXPECT_NE(machine.zone_of(row.value() + 0x17ff), mm::ZoneType::Movable);
    EXPECT_TRUE(machine.pages().free_contig_range(0, {row.value(), row.value() + 0x1800}).ok());
  }
}

//   0x140001             0x140200              0x140400
//      | Movable            | Normal               | Movable
//               |--- refused ---|
//                           |------- given --------|
TEST(RelayMirrored, AContiguousRangeDoesNotCrossFromOneToTheOther) {
  for (const mm::Road road : kRoads) {
    Mirrored machine(road);
    const uint64_t before = machine.pages().counts().free;
    EXPECT_FALSE(machine.pages().alloc_contig_range(0, frames(0x140100, 0x140300)).ok());
    test::must(machine.pages().alloc_contig_range(0, frames(0x140200, 0x140400)));
    EXPECT_TRUE(machine.pages().free_contig_range(0, frames(0x140200, 0x140400)).ok());
    machine.pages().drain_all();
    test::must(mm::audit(machine.pages()));
    EXPECT_EQ(machine.pages().counts().free, before);
  }
}

}  // namespace
