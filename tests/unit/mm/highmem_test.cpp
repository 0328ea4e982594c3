// HighMem: RAM that no direct map reaches, on both roads, with nodes, holes and reservations.
//
//   0  1M        512M   640M    768M       896M       1.5G 1.625G      2G    2.125G
//   |  | node 0   | hole | node 0 | node 1  | node 1     | | node 0     | node 2 |
//   |----------------- lowmem --------------|------------- highmem --------------|
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "mm/arm/lowmem.h"
#include "mm/audit.h"
#include "mm/policy.h"
#include "mm/relay.h"
#include "mm/x86_64/ia32.h"
#include "tests/support/drawn_machine.h"
#include "tests/support/pretend_memory.h"

namespace {

using mm::Pfn;
using mm::PfnRange;
using mm::Phys;
using mm::Range;
using mm::ZoneType;
using test::must;

const char* const kMachine = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000001fffffff] usable
BIOS-e820: [mem 0x0000000028000000-0x000000005fffffff] usable
BIOS-e820: [mem 0x0000000068000000-0x0000000087ffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x2fffffff]
SRAT: Node 1 PXM 1 [mem 0x30000000-0x5fffffff]
SRAT: Node 0 PXM 0 [mem 0x68000000-0x7fffffff]
SRAT: Node 2 PXM 2 [mem 0x80000000-0x87ffffff]
)";

constexpr Phys kLimit{mm::kIa32Lowmem};
constexpr Pfn kMaxLow = mm::pfn_down(kLimit);

constexpr Range range(uint64_t start, uint64_t end) { return {Phys{start}, Phys{end}}; }

// In lowmem, across the limit, in highmem with odd ends, up to the end of a node's highmem.
const std::vector<mm::Reservation> kGiven{
    {range(0x400000, 0x912345), "TEXT DATA BSS"},     {range(0x37fff800, 0x38000801), "ACROSS"},
    {range(0x50000123, 0x50003456), "HIGH"},          {range(0x50003456, 0x50003800), "HIGH TOO"},
    {range(0x7ffff000, 0x80000001), "BETWEEN NODES"},
};

// Highmem cannot be touched: who does ends the test.
class Machine {
 public:
  explicit Machine(mm::Road road)
      : drawn_(kMachine),
        memory_(Phys{0x88000000}),
        relay(mm::ia32_platform(kLimit), memory_.map(), log.printer()) {
    EXPECT_EQ(mprotect(memory_.map().at<void>(kLimit), memory_.size() - kLimit.v, PROT_NONE), 0);
    must(relay.take_over(drawn_.e820.entries(), kGiven, Phys{mm::kMaxPhys}, kLimit));
    must(relay.trim());
    must(relay.find_nodes(drawn_.numa()));
    must(relay.lay_out({}, 1));
    must(relay.start_boot_allocator(road));
    boot = must(relay.boot_alloc(64 * mm::kMiB, "BOOT"));
    EXPECT_FALSE(relay.boot_alloc(512 * mm::kMiB, "TOO MUCH").ok());  // highmem would have room
    must(relay.build_zones(mm::Distances(), mm::NodeOrder::Ring));
    must(relay.hand_over());
  }
  [[nodiscard]] std::vector<std::string> buddy() const {
    std::vector<std::string> lines;
    relay.pages().for_each_free_block([&](const mm::FreeBlock& b) {
      char line[96];
      mm::format(line, "pfn 0x{:08x} order {} node {} {}", b.pfn, b.order, b.node,
                 mm::zone_name(b.zone));
      lines.emplace_back(line);
      return true;
    });
    std::sort(lines.begin(), lines.end());
    return lines;
  }

 private:
  test::DrawnMachine drawn_;
  test::PretendMemory memory_;

 public:
  test::Log log;
  mm::Relay<mm::OneCpu> relay;
  Phys boot;
};

TEST(HighMem, BothRoadsHandOverTheSameAndTouchNoneOfIt) {
  const Machine bitmap(mm::Road::Bootmem);
  const Machine ranges(mm::Road::Memblock);
  EXPECT_EQ(bitmap.buddy(), ranges.buddy());
  EXPECT_EQ(bitmap.boot, ranges.boot);
  for (const Machine* machine : {&bitmap, &ranges}) {
    const mm::Relay<mm::OneCpu>& relay = machine->relay;
    must(mm::audit(relay.pages()));
    // Every frame of RAM is free or reserved, in highmem as in lowmem.
    uint64_t left = 0;
    for (const mm::ActiveRange& active : relay.numa().active) {
      for (Pfn f = active.pfns.start; f < active.pfns.end; f += 1) {
        const bool reserved =
            relay.reservations().overlapping(mm::phys(PfnRange{f, f + 1})) != nullptr;
        left += reserved ? 0 : 1;
      }
    }
    EXPECT_EQ(relay.pages().counts().free, left);
    EXPECT_EQ(relay.pages().counts().managed, left);
    for (const uint64_t pfn : {0x37fff, 0x38000, 0x50000, 0x50003, 0x7ffff, 0x80000}) {
      EXPECT_EQ(relay.pages().owner_of(Pfn{pfn}).use, mm::FrameUse::Reserved) << std::hex << pfn;
    }
    for (const uint64_t pfn : {0x38001, 0x4ffff, 0x50004, 0x7fffe, 0x80001, 0x87fff}) {
      const mm::FrameOwner owner = relay.pages().owner_of(Pfn{pfn});
      EXPECT_EQ(owner.use, mm::FrameUse::Free) << std::hex << pfn;
      EXPECT_EQ(owner.zone, ZoneType::HighMem) << std::hex << pfn;
    }
    // Node 1: 640 MiB less a page and four. Node 0: 384 MiB less one. Node 2 has nothing else.
    EXPECT_EQ(relay.pages().zone_counts(1, ZoneType::HighMem).managed, 0x28000u - 1 - 4);
    EXPECT_EQ(relay.pages().zone_counts(0, ZoneType::HighMem).managed, 0x18000u - 1);
    EXPECT_EQ(relay.pages().zone_counts(2, ZoneType::HighMem).managed, 0x8000u - 1);
    EXPECT_EQ(relay.pages().zone_counts(2, ZoneType::Normal).managed, 0u);
    // Whatever the relay itself made lies in lowmem.
    for (const mm::Reservation& r : relay.reservations().entries()) {
      const bool given = std::any_of(kGiven.begin(), kGiven.end(),
                                     [&](const auto& g) { return g.range == r.range; });
      EXPECT_TRUE(given || r.range.end <= kLimit) << r.name;
    }
  }
}

TEST(HighMem, WhatIsGivenBackThereIsFreeThere) {
  for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
    Machine machine(road);
    EXPECT_EQ(must(machine.relay.give_back("HIGH")), 3u);  // the fourth frame is HIGH TOO's as well
    EXPECT_EQ(must(machine.relay.give_back("ACROSS")), 2u);
    EXPECT_EQ(must(machine.relay.give_back("BETWEEN NODES")), 2u);
    must(mm::audit(machine.relay.pages()));
    EXPECT_EQ(machine.relay.pages().zone_counts(1, ZoneType::HighMem).managed, 0x28000u - 1);
    EXPECT_EQ(machine.relay.pages().zone_counts(0, ZoneType::HighMem).managed, 0x18000u);
    EXPECT_EQ(machine.relay.pages().zone_counts(2, ZoneType::HighMem).managed, 0x8000u);
  }
}

// The two passes by themselves: the low one stops at max_low, the high one begins there.
TEST(HighMem, LowAndHighPassShareNoFrame) {
  const Machine machine(mm::Road::Memblock);
  const mm::Layout& layout = machine.relay.layout();
  std::vector<mm::MemblockRegion> memory(64);
  std::vector<mm::MemblockRegion> reserved(64);
  mm::Memblock memblock(memory, reserved);
  must(mm::memblock_from(memblock, layout.active, kGiven));
  test::Log out;
  const auto visit = [&](mm::NodeId node, PfnRange run) {
    out.printer().line("node {} [{} {})", node, run.start, run.end);
  };
  EXPECT_EQ(mm::free_all_memblock(memblock, layout, visit, kMaxLow),
            0x9fu + 0x300 + 0x1f6ed + 0x8000 + 0x7fff);
  EXPECT_EQ(out.take(), R"(node 0 [0x1 0xa0)
node 0 [0x100 0x400)
node 0 [0x913 0x1000)
node 0 [0x1000 0x20000)
node 0 [0x28000 0x30000)
node 1 [0x30000 0x37fff)
)");
  constexpr const char* kHigh = R"(node 1 [0x38001 0x50000)
node 1 [0x50004 0x60000)
node 0 [0x68000 0x7ffff)
node 2 [0x80001 0x88000)
)";
  const uint64_t high = 0x28000 - 5 + 0x18000 - 1 + 0x8000 - 1;
  EXPECT_EQ(mm::free_highpages(memblock, layout, kMaxLow, visit), high);
  EXPECT_EQ(out.take(), kHigh);
  EXPECT_EQ(mm::free_highpages(kGiven, layout, kMaxLow, visit), high);
  EXPECT_EQ(out.take(), kHigh);
  // Without HighMem there is nothing to do.
  EXPECT_EQ(mm::free_highpages(memblock, layout, Pfn{0x88000}, visit), 0u);
  EXPECT_EQ(mm::free_highpages(kGiven, layout, Pfn{0x88000}, visit), 0u);
}

// Lowmem ends inside a pageblock, and there where the nodes have holes: what would describe these is no
// memory of theirs, and whoever has it may write there.
//
//   0       256M        512M                1G 1023M     2G        3G
//   | node 0 | node 1   |       hole         |  | node 0 |  node 1 |
TEST(HighMem, LowmemThatEndsInAHole) {
  constexpr Phys kOdd{0x36ff'e000};
  test::DrawnMachine drawn(R"(
BIOS-e820: [mem 0x0000000000100000-0x000000001fffffff] usable
BIOS-e820: [mem 0x0000000040000000-0x00000000bfffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x0fffffff]
SRAT: Node 1 PXM 1 [mem 0x10000000-0x1fffffff]
SRAT: Node 0 PXM 0 [mem 0x40000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x80000000-0xbfffffff]
)");
  const test::PretendMemory memory(kOdd);
  mm::Relay<mm::OneCpu> relay(mm::ia32_platform(kOdd), memory.map(), {});
  must(relay.take_over(drawn.e820.entries(), {}, Phys{mm::kMaxPhys}, kOdd));
  must(relay.finish({.numa = drawn.numa()}));
  auto& pages = relay.pages();
  uint64_t taken = 0;
  for (;; ++taken) {
    const auto page = pages.alloc_pages(0, mm::kGfpKernel | mm::kGfpFlagNoWarn, 0, 0);
    if (!page.ok()) break;
    std::memset(memory.map().at<void>(mm::phys(page.value())), 0xa5, mm::kPageSize);
  }
  EXPECT_GT(taken, 0x1c000u);
  must(mm::audit(pages));
}

// Arrays that grow, and the lists of reservations, stay where they can be reached.
TEST(HighMem, NothingIsPlacedAboveTheLimit) {
  const test::PretendMemory memory(Phys{0x4000000});
  std::vector<mm::MemblockRegion> storage(8);
  std::vector<mm::MemblockRegion> taken(8);
  mm::Memblock memblock(storage, taken);
  memblock.allow_resize(memory.map());
  memblock.set_current_limit(Phys{0x2000000});
  must(memblock.add(range(0x100000, 0x4000000)));
  for (uint64_t i = 0; i < 100; ++i) {
    must(memblock.reserve(range(0x200000 + i * 0x2000, 0x200000 + i * 0x2000 + 0x1000)));
  }
  EXPECT_FALSE(memblock.own_arrays()[1].empty());
  for (const Range& own : memblock.own_arrays()) EXPECT_LE(own.end, Phys{0x2000000});
  EXPECT_LT(must(memblock.alloc({.size = 0x1000})), Phys{0x2000000});
  EXPECT_FALSE(memblock.alloc({.size = 0x1000, .from = Phys{0x2000000}}).ok());
}

}  // namespace
