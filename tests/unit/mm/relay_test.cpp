// The whole relay on drawn machines: what goes in comes out, by either road.
#include "mm/relay.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "mm/audit.h"
#include "tests/support/relayed.h"

namespace {

using mm::kPageSize;
using mm::Phys;
using mm::Range;

const char* const kSmallPc = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable
)";

const char* const kTwoNodes = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x00000000007fffff] usable
BIOS-e820: [mem 0x0000000000800000-0x0000000000807fff] ACPI NVS
BIOS-e820: [mem 0x0000000000808000-0x000000007e8ecfff] usable
BIOS-e820: [mem 0x000000007e8ed000-0x000000007fffffff] reserved
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: PXM 0 -> APIC 0x00 -> Node 0
SRAT: PXM 1 -> APIC 0x01 -> Node 1
SRAT: Node 0 PXM 0 [mem 0x00000000-0x0009ffff]
SRAT: Node 0 PXM 0 [mem 0x00100000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
)";

mm::Reservation reserved(uint64_t start, uint64_t end, const char* name) {
  mm::Reservation r{{Phys{start}, Phys{end}}, {}, 0};
  for (size_t i = 0; name[i] != '\0'; ++i) r.name[i] = name[i];
  return r;
}

TEST(Relay, EveryUsableFrameThatNobodyReservedIsInBuddy) {
  for (const char* drawing : {kSmallPc, kTwoNodes}) {
    const test::Relayed machine(drawing);
    EXPECT_EQ(machine.relay.pages().counts().free, test::frames_left(machine.relay));
    EXPECT_EQ(machine.relay.pages().counts().managed, test::frames_left(machine.relay));
  }
}

TEST(Relay, BothRoadsLeaveTheSameBuddy) {
  for (const char* drawing : {kSmallPc, kTwoNodes}) {
    test::RelayOptions options;
    options.reservations = {reserved(0x0, 0x1000, "BIOS PAGE 0"),
                            reserved(0x200000, 0x312345, "TEXT DATA BSS"),
                            reserved(0x1234567, 0x1234568, "ODD BYTE")};
    const test::Relayed bitmap(drawing, options);
    options.road = mm::Road::Memblock;
    const test::Relayed ranges(drawing, options);
    EXPECT_EQ(bitmap.buddy(), ranges.buddy());
    EXPECT_FALSE(bitmap.buddy().empty());
  }
}

// How many pages of a range of pretend memory were ever touched.
uint64_t touched(const mm::DirectMap& map, Range range) {
  std::vector<unsigned char> resident(range.size() / kPageSize);
  EXPECT_EQ(mincore(map.at<void>(range.start), range.size(), resident.data()), 0);
  return static_cast<uint64_t>(std::count_if(resident.begin(), resident.end(),
                                             [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(Relay, AHoleOfTwoTebibytesCostsNothing) {
  NEEDS_64_BITS("its mem_map has 8 GiB of addresses");
  //   0  1M        64G                     2T         2T+64G
  //   |  | RAM      |        nothing        | RAM      |       one node
  const char* const kSparse = R"(
BIOS-e820: [mem 0x0000000000100000-0x0000000fffffffff] usable
BIOS-e820: [mem 0x0000020000000000-0x0000020fffffffff] usable
)";
  test::Relayed bitmap(kSparse);
  test::RelayOptions options;
  options.road = mm::Road::Memblock;
  test::Relayed ranges(kSparse, options);
  EXPECT_EQ(bitmap.buddy(), ranges.buddy());
  for (test::Relayed* machine : {&bitmap, &ranges}) {
    test::must(mm::audit(machine->relay.pages()));
    const mm::NodeLayout& node = machine->relay.layout().nodes[0];
    EXPECT_EQ(node.mem_map.size, (2 * mm::kTiB + 64 * mm::kGiB) / kPageSize * 16);
    // Of these 8 GiB only what is for sections with RAM is kept from others, and of that only what
    // had to be told apart was ever touched.
    uint64_t kept = 0;
    for (const mm::Reservation& r : machine->relay.reservations().entries()) {
      if (mm::has_name(r, "MEMMAP")) kept += r.range.size();
    }
    EXPECT_EQ(kept, 128 * mm::kGiB / kPageSize * 16);
    EXPECT_LE(
        touched(machine->relay.map(), {node.mem_map.start, node.mem_map.start + node.mem_map.size}),
        64u);
    EXPECT_EQ(machine->relay.pages().owner_of(mm::Pfn{0x10000000}).use, mm::FrameUse::Hole);
  }
}

TEST(Relay, BothRoadsAllocateAtTheSamePlaceBeforeBuddy) {
  for (const char* drawing : {kSmallPc, kTwoNodes}) {
    uint64_t places[2][3] = {};
    for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
      test::DrawnMachine drawn(drawing);
      const test::PretendMemory memory(drawn.e820.entries().back().range.end);
      mm::Relay<mm::OneCpu> relay(mm::x86_64_platform(), memory.map(), mm::Printer());
      const auto reservations = {reserved(0x1200000, 0x1201000, "IN THE WAY")};
      test::must(relay.take_over(drawn.e820.entries(), std::vector(reservations),
                                 Phys{mm::kMaxPhys}, memory.end_of_low()));
      test::must(relay.trim());
      test::must(relay.find_nodes(drawn.numa()));
      test::must(relay.lay_out({}, 1));
      test::must(relay.start_boot_allocator(road));
      uint64_t* place = places[static_cast<size_t>(road)];
      for (const uint64_t bytes : {0x100000UL, 0x150001UL, 0x1UL}) {
        *place++ = test::must(relay.boot_alloc(bytes, "BOOT")).v;
      }
      test::must(relay.build_zones(mm::Distances(), mm::NodeOrder::Distance));
      test::must(relay.hand_over());
      EXPECT_EQ(relay.pages().counts().free, test::frames_left(relay));
    }
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(places[0][i], places[1][i]);
    EXPECT_EQ(places[0][0], 0x1000000U);
    EXPECT_EQ(places[0][1], 0x1201000U) << "above what is in the way";
    EXPECT_EQ(places[0][2], 0x1100000U);
  }
}

TEST(Relay, WhatIsGivenBackLeavesBuddyAsIfItHadNeverBeenReserved) {
  test::RelayOptions options;
  options.reservations = {reserved(0x1000000, 0x1312345, "RAMDISK")};
  test::Relayed machine(kSmallPc, options);
  EXPECT_EQ(test::must(machine.relay.give_back("RAMDISK")), 0x313U);
  EXPECT_EQ(machine.relay.pages().counts().free, test::frames_left(machine.relay));
  EXPECT_EQ(machine.buddy(), test::Relayed(kSmallPc).buddy());
}

TEST(Relay, SaysWhatLinuxSays) {
  const test::Relayed machine(kTwoNodes);
  const std::string& log = machine.log.text();
  for (const char* line : {
           "e820: update [mem 0x00000000-0x00000fff] usable ==> reserved\n",
           "e820: remove [mem 0x000a0000-0x000fffff] usable\n",
           "Zone ranges:\n",
           "  DMA      [mem 0x0000000000001000-0x0000000000ffffff]\n",
           "  DMA32    [mem 0x0000000001000000-0x00000000ffffffff]\n",
           "  Normal   [mem 0x0000000100000000-0x000000017fffffff]\n",
           "Early memory node ranges\n",
           "  node   0: [mem 0x0000000000001000-0x000000000009ffff]\n",
           "  node   1: [mem 0x0000000100000000-0x000000017fffffff]\n",
           "Initmem setup node 0 [mem 0x0000000000001000-0x000000007e8ecfff]\n",
           "On node 0, zone DMA: 1 pages in unavailable ranges\n",
           "On node 0, zone DMA: 96 pages in unavailable ranges\n",
           "On node 0, zone DMA: 8 pages in unavailable ranges\n",
           "Fallback order for Node 0: 0 1 \n",
           "Fallback order for Node 1: 1 0 \n",
       }) {
    EXPECT_NE(log.find(line), std::string::npos) << line << "in\n" << log;
  }
}

// A drawn machine as far as its boot allocator.
struct Started {
  test::DrawnMachine drawn;
  test::PretendMemory memory{drawn.e820.entries().back().range.end};
  test::Log log;
  mm::Relay<mm::OneCpu> relay{mm::x86_64_platform(), memory.map(), log.printer()};

  Started(const std::string& drawing, mm::Road road,
          const std::vector<mm::Reservation>& reservations = {})
      : drawn(drawing) {
    test::must(relay.take_over(drawn.e820.entries(), reservations, Phys{mm::kMaxPhys},
                               memory.end_of_low()));
    test::must(relay.trim());
    test::must(relay.find_nodes(drawn.numa()));
    test::must(relay.lay_out({}, 1));
    log.take();
    test::must(relay.start_boot_allocator(road));
  }
  void hand_over() {
    test::must(relay.build_zones(mm::Distances(), mm::NodeOrder::Distance));
    log.take();
    test::must(relay.hand_over());
  }
};

// Reserved by name, without the list's own entry, as both roads print it.
size_t named(const mm::EarlyRes& reservations) {
  size_t count = 0;
  for (const mm::Reservation& r : reservations.entries()) {
    count += mm::has_name(r, "EARLY_RES") ? 0 : 1;
  }
  return count;
}

TEST(Relay, EitherRoadSaysWhatItTakesBack) {
  const std::vector<mm::Reservation> given{reserved(0x200000, 0x312345, "TEXT DATA BSS")};
  for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
    const Started machine(kTwoNodes, road, given);
    const std::string& log = machine.log.text();
    const mm::EarlyRes& reservations = machine.relay.reservations();
    const size_t count = named(reservations);
    EXPECT_EQ(reservations.entries().size(), count + 1);  // and the list itself
    char first[96];
    if (road == mm::Road::Bootmem) {
      const Phys end = std::min(machine.memory.end_of_low(), Phys{0x180000000});
      mm::format(first, "({}/{} early reservations) ==> bootmem [0000000000 - {:010x}]\n", count,
                 reservations.capacity(), end);
      EXPECT_NE(log.find("    TEXT DATA BSS ==> [0000200000 - 0000312345]\n"), std::string::npos);
    } else {
      mm::format(first, "Subtract ({} early reservations)\n", count + 1);
      EXPECT_NE(log.find(" [0000200000 - 0000312345]   TEXT DATA BSS\n"), std::string::npos);
    }
    EXPECT_NE(log.find(first), std::string::npos) << first << "in\n" << log;
    EXPECT_GT(reservations.capacity(), count + 1);
    size_t lines = 0;
    for (size_t at = log.find("  #"); at != std::string::npos; at = log.find("  #", at + 1)) {
      ++lines;
      const std::string number = "  #" + std::to_string(lines) + " [";
      EXPECT_EQ(log.substr(at, number.size()), number);
    }
    EXPECT_EQ(lines, count);
    EXPECT_EQ(log.find("EARLY_RES"), std::string::npos);
  }
}

//   0  1M          512M           1G               4G       5G
//   |  | usable                    |                | usable |
const char* const kAboveFourGiB = R"(
BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable
)";

TEST(Relay, KeepsMemoryFor32BitDmaUntilTheHandOver) {
  // One page in the way at 512 MiB: the next place aligned to 64 MiB is at 576 MiB.
  for (const bool in_the_way : {false, true}) {
    std::vector<mm::Reservation> given;
    if (in_the_way) given.push_back(reserved(0x20000000, 0x20001000, "IN THE WAY"));
    for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
      Started machine(kAboveFourGiB, road, given);
      const uint64_t start = in_the_way ? 0x24000000 : 0x20000000;
      const Range kept{Phys{start}, Phys{start + 128 * mm::kMiB}};
      EXPECT_EQ(machine.relay.dma32_reserved(), kept);
      EXPECT_NE(machine.log.text().find(in_the_way ? "dma32: [mem 0x24000000-0x2bffffff] kept for "
                                                     "32-bit DMA\n"
                                                   : "dma32: [mem 0x20000000-0x27ffffff] kept for "
                                                     "32-bit DMA\n"),
                std::string::npos)
          << machine.log.text();
      // Nothing else is put there, however much is asked for.
      unsigned count = 0;
      for (;; ++count) {
        const mm::Result<Phys> place = machine.relay.boot_alloc(128 * mm::kMiB, "BOOT");
        if (!place.ok()) break;
        EXPECT_FALSE(kept.overlaps({place.value(), place.value() + 128 * mm::kMiB}))
            << std::hex << place.value().v;
      }
      EXPECT_GE(count, 5u);
      machine.hand_over();
      EXPECT_EQ(machine.log.text(), "Freeing dma32 memory: 131072K\n");
      EXPECT_TRUE(machine.relay.dma32_reserved().empty());
      for (const Phys at : {kept.start, kept.end - 1}) {
        EXPECT_EQ(machine.relay.pages().owner_of(mm::pfn_down(at)).use, mm::FrameUse::Free);
      }
      EXPECT_EQ(machine.relay.pages().counts().free, test::frames_left(machine.relay));
    }
  }
}

// Linux's IA-32 does not, whatever there is above 4 GiB.
TEST(Relay, KeepsNothingFor32BitDmaUnderA32BitKernel) {
  const Phys end_of_low{896 * mm::kMiB};
  const test::DrawnMachine machine(kAboveFourGiB);
  const test::PretendMemory memory(Phys{5 * mm::kGiB});
  test::Log log;
  mm::Relay<mm::OneCpu> relay(mm::ia32_platform(end_of_low), memory.map(), log.printer());
  test::must(relay.take_over(machine.e820.entries(), {}, Phys{mm::kMaxPhys}, end_of_low));
  test::must(relay.finish());
  EXPECT_EQ(log.text().find("dma32"), std::string::npos) << log.text();
}

TEST(Relay, KeepsNothingFor32BitDmaWithoutNeedOrRoom) {
  const char* const kNoneBelow = R"(
BIOS-e820: [mem 0x0000000000100000-0x0000000003ffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable
)";
  for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
    Started low("BIOS-e820: [mem 0x0000000000100000-0x00000000ffffffff] usable\n", road);
    EXPECT_TRUE(low.relay.dma32_reserved().empty());
    EXPECT_EQ(low.log.text().find("dma32"), std::string::npos);
    low.hand_over();
    EXPECT_EQ(low.relay.pages().counts().free, test::frames_left(low.relay));

    Started full(kNoneBelow, road);
    EXPECT_TRUE(full.relay.dma32_reserved().empty());
    EXPECT_NE(full.log.text().find("dma32: "), std::string::npos) << full.log.text();
    full.hand_over();
    EXPECT_EQ(full.relay.pages().counts().free, test::frames_left(full.relay));
  }
}

TEST(Relay, WithoutRoomForABitmapTheBootmemRoadEnds) {
  test::DrawnMachine drawn(kSmallPc);
  const test::PretendMemory memory(drawn.e820.entries().back().range.end);
  test::Log log;
  mm::Relay<mm::OneCpu> relay(mm::x86_64_platform(), memory.map(), log.printer());
  test::must(relay.take_over(drawn.e820.entries(), {}));
  test::must(relay.trim());
  test::must(relay.find_nodes(drawn.numa()));
  test::must(relay.lay_out({}, 1));
  // Somebody has all but one page, which the list of nodes takes.
  Phys spare;
  std::vector<Range> rest;
  mm::for_each_free_range(relay.e820(), relay.reservations().entries(),
                          {Phys{0}, Phys{mm::kMaxPhys}},
                          [&](Range free) { return rest.push_back(free), true; });
  for (Range free : rest) {
    if (spare == Phys{} && free.size() > kPageSize) {
      spare = free.start;
      free.start += kPageSize;
    }
    test::must(relay.reservations().reserve(free, "A"));
  }
  const auto result = relay.start_boot_allocator(mm::Road::Bootmem);
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().subject, "BOOTMAP");
  EXPECT_NE(log.text().find("Cannot find bootmem map of size 4096\n"), std::string::npos)
      << log.text() << result.error().what << result.error().a;
}

TEST(Relay, NoRoomIsAnErrorThatNamesWhatFoundNone) {
  test::DrawnMachine drawn("BIOS-e820: [mem 0x0000000000001000-0x0000000000001fff] usable\n");
  const test::PretendMemory memory(Phys{0x10000});
  mm::Relay<mm::OneCpu> relay(mm::x86_64_platform(), memory.map(), mm::Printer());
  const auto result = relay.take_over(drawn.e820.entries(), {});
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().subject, "early_res");
}

}  // namespace
