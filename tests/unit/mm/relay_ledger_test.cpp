#include "mm/relay_ledger.h"

#include <gtest/gtest.h>

#include <string>

#include "mm/audit.h"
#include "mm/page_alloc.h"
#include "mm/x86_64/e820_trim.h"
#include "tests/support/relayed.h"

namespace {

using mm::Phys;

constexpr const char* kDrawing = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007e8ecfff] usable
BIOS-e820: [mem 0x000000007e8ed000-0x000000007fffffff] reserved
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
)";

struct Machine : test::Relayed {
  explicit Machine(mm::Road road = mm::Road::Bootmem, const char* drawing = kDrawing)
      : test::Relayed(drawing, options(road)) {}

  static test::RelayOptions options(mm::Road road) {
    test::RelayOptions options;
    options.road = road;
    options.reservations = {{{mm::Phys{0x200'0000}, mm::Phys{0x210'0000}}, "TEXT DATA BSS"}};
    return options;
  }
  // What it says when it is closed, or why it is not.
  std::string close() {
    test::Log out;
    const mm::LedgerFacts facts{.firmware = test::firmware_ram(machine.firmware, machine.e820)};
    const auto closed = mm::close_ledger(relay, relay.pages(), facts, out.printer());
    return closed.ok() ? out.take() : test::describe(closed.error());
  }
  mm::Node& node(mm::NodeId id) { return const_cast<mm::Node&>(relay.pages().node(id)); }
};

TEST(RelayLedger, ClosesOnEitherRoadAndWithMemoryInUse) {
  for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
    Machine machine(road);
    auto& pages = machine.relay.pages();
    EXPECT_NE(machine.close().find("Ledger: closed"), std::string::npos) << machine.close();
    ASSERT_TRUE(pages.alloc_pages(0, mm::kGfpKernel, 3, 0).ok());
    const auto page = pages.alloc_pages(0, mm::kGfpKernel, 0, 0);
    ASSERT_TRUE(pages.alloc_pages(0, mm::kGfpKernel, 0, 0).ok());
    ASSERT_TRUE(pages.free_pages(0, page.value(), 0).ok());
    const std::string said = machine.close();
    EXPECT_NE(said.find("Ledger: closed"), std::string::npos) << said;
    EXPECT_NE(said.find("Ledger:   allocated                               36864\n"),
              std::string::npos)
        << said;
  }
}

// What has no room is refused by name, and all before it is kept.
TEST(Trims, MoreThanThereIsRoomForAreRefused) {
  mm::Trims trims;
  for (size_t i = 0; i < mm::Trims::kMost; ++i) ASSERT_TRUE(trims.add("a trim", 4096).ok());
  const auto one_more = trims.add("one more", 8192);
  ASSERT_FALSE(one_more.ok());
  EXPECT_EQ(test::describe(one_more.error()),
            "error: one more: more trims than room (room 8, bytes 8192)\n");
  EXPECT_EQ(trims.all().size(), mm::Trims::kMost);
  EXPECT_EQ(trims.bytes_of("one more"), 0U);
}

// One more frame and one less: every sum comes out, and the structures are sound.
TEST(RelayLedger, AFrameOfTheTextGivenOutAndAnotherWithdrawn) {
  for (const bool allocated : {true, false}) {
    Machine machine;
    auto& pages = machine.relay.pages();
    const mm::PfnRange text{{0x2080}, {0x2081}};
    const mm::PfnRange other{{0x5000}, {0x5001}};
    ASSERT_TRUE(pages.release(text).ok());
    if (allocated) {
      ASSERT_TRUE(pages.alloc_contig_range(0, text).ok());
    }
    ASSERT_TRUE(pages.alloc_contig_range(0, other).ok());
    ASSERT_TRUE(pages.withdraw(other).ok());
    EXPECT_TRUE(mm::audit(pages).ok());
    EXPECT_EQ(machine.close(),
              "error: TEXT DATA BSS: a reserved frame is in a free or allocated block (address "
              "0x2080000)\n");
  }
}

// Nothing is handed out that should not be; the other frame is missed where it was.
TEST(RelayLedger, AFrameWithdrawnAndReservedNowhere) {
  Machine machine;
  auto& pages = machine.relay.pages();
  const mm::PfnRange lost{{0x5000}, {0x5003}};
  ASSERT_TRUE(pages.alloc_contig_range(0, lost).ok());
  ASSERT_TRUE(pages.withdraw(lost).ok());
  EXPECT_TRUE(mm::audit(pages).ok());
  EXPECT_EQ(machine.close(),
            "error: DMA32: frames that nothing reserves and no block covers (address 0x5000000, "
            "end 0x5003000)\n");
}

// The counters hold that it is allocated: only its Page knows better.
TEST(RelayLedger, AnAllocatedBlockWithoutAHead) {
  Machine machine;
  const auto block = machine.relay.pages().alloc_pages(0, mm::kGfpUser, 4, 1);
  ASSERT_TRUE(block.ok());
  machine.node(1).page(block.value()).set_tag({});
  const mm::PfnRange frames{block.value(), block.value() + 16};
  char lost[128];
  mm::format(
      lost,
      "error: Normal: frames that nothing reserves and no block covers (address {}, end {})\n",
      mm::phys(frames.start), mm::phys(frames.end));
  EXPECT_EQ(machine.close(), lost);
}

TEST(RelayLedger, ABlockThatReachesIntoAReservation) {
  Machine machine;
  auto& pages = machine.relay.pages();
  const mm::PfnRange before{{0x1ff8}, {0x2000}};
  ASSERT_TRUE(pages.alloc_contig_range(0, before).ok());
  machine.node(0)
      .page(before.start)
      .set_tag(mm::Tag{mm::BlockState::Allocated, 4, mm::ZoneType::Dma32, 0});
  EXPECT_EQ(machine.close(),
            "error: DMA32: a block that reaches into what is reserved or of another zone (address "
            "0x1ff8000, order 4)\n");
}

// As if MTRRs left the last 256 MiB of node 1 out.
TEST(RelayLedger, UncachedRamHasAName) {
  test::DrawnMachine drawn(kDrawing);
  const test::PretendMemory memory(drawn.e820.entries().back().range.end);
  test::Log log;
  mm::Relay<mm::OneCpu> relay(mm::x86_64_platform(), memory.map(), log.printer());
  test::must(relay.take_over(drawn.e820.entries(), {}, Phys{mm::kMaxPhys}, memory.end_of_low()));
  const mm::LedgerFacts facts{.firmware = test::firmware_ram(drawn.firmware, relay.e820())};
  const mm::PfnRange uncovered[] = {{{0x17'0000}, mm::pfn_down(mm::Phys{mm::kMaxPhys})}};
  test::must(relay.trim(uncovered));
  EXPECT_NE(log.text().find("last_pfn = 0x180000 max_arch_pfn = 0x400000000\n"
                            "e820: update [mem 0x170000000-0x17fffffff] usable ==> reserved\n"),
            std::string::npos)
      << log.text();
  EXPECT_NE(log.text().find("\nlast_pfn = 0x170000 max_arch_pfn = 0x400000000\n"
                            "last_pfn = 0x7e8ed max_arch_pfn = 0x400000000\n"),
            std::string::npos)
      << log.text();
  test::must(relay.finish({.numa = drawn.numa(), .road = mm::Road::Memblock}));
  log.take();
  EXPECT_TRUE(mm::close_ledger(relay, relay.pages(), facts, log.printer()).ok()) << log.text();
  EXPECT_NE(log.text().find("Ledger:   MTRR                                268435456\n"),
            std::string::npos)
      << log.text();
}

// A border inside a frame: between nodes, and where the table ends.
TEST(RelayLedger, FramesThatABorderCuts) {
  const auto said = [](const std::string& second) {
    const std::string drawing = R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable
)" + second;
    return Machine(mm::Road::Memblock, drawing.c_str()).close();
  };
  const std::string split = said(
      "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x1200007ff]\n"
      "ACPI: SRAT: Node 1 PXM 1 [mem 0x120000800-0x13fffffff]\n");
  EXPECT_NE(split.find("Ledger: [mem 0x120000000-0x120000fff] is split between nodes\n"),
            std::string::npos)
      << split;
  EXPECT_NE(split.find("Ledger:   split between nodes                      4096\n"),
            std::string::npos)
      << split;
  EXPECT_EQ(split.find("in no node"), std::string::npos) << split;
  EXPECT_NE(split.find("Ledger: closed"), std::string::npos) << split;

  const std::string none = said(
      "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0xbfffffff]\n"
      "ACPI: SRAT: Node 1 PXM 1 [mem 0x100000000-0x13ffffcff]\n");
  EXPECT_NE(none.find("Ledger: [mem 0x13ffff000-0x13fffffff] is in no node\n"), std::string::npos)
      << none;
  EXPECT_NE(none.find("Ledger:   in no node                               4096\n"),
            std::string::npos)
      << none;
  EXPECT_EQ(none.find("split between"), std::string::npos) << none;
  EXPECT_NE(none.find("Ledger: closed"), std::string::npos) << none;
}

// As many active ranges as frames that are missing: that once was enough.
TEST(RelayLedger, AFrameThatNoBorderCutsIsNotSplit) {
  Machine machine;
  const auto active = machine.relay.layout().active;
  const_cast<mm::ActiveRange&>(active[2]).pfns.end -= 1;
  EXPECT_EQ(machine.close(),
            "error: nodes: frames are in no node, and no border cuts them (start 0x17ffff000, end "
            "0x180000000)\n");
}

// 2 GiB more at 64 TiB and reserved space at 256 TiB, on a CPU with 40 address bits: no byte of it
// is touched (there is none), it is named, and the ledger closes.
TEST(RelayLedger, WhatIsOutOfReachIsNamedAndNeverTouched) {
  constexpr Phys kEnd{mm::kTiB};
  test::DrawnMachine drawn(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000003fffffff] usable
BIOS-e820: [mem 0x0000400000000000-0x000040007fffffff] usable
BIOS-e820: [mem 0x0000fffd00000000-0x0000ffffffffffff] reserved
)");
  for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
    const test::PretendMemory memory(Phys{mm::kGiB});
    test::Log log;
    mm::Relay<mm::OneCpu> relay(mm::x86_64_platform(), memory.map(), log.printer());
    test::must(relay.take_over(drawn.e820.entries(), {}, kEnd));
    EXPECT_EQ(mm::print_beyond(relay.e820(), kEnd, log.printer()), 2U);
    const std::span<const mm::E820Entry> told = drawn.e820.entries();
    const auto firmware = mm::account_firmware_ram(mm::claims_of(told), relay.e820());
    test::must(relay.trim());
    EXPECT_EQ(relay.trims().bytes_of(mm::kUnreachable), 2 * mm::kGiB);
    test::must(relay.finish({.numa = drawn.numa(), .road = road}));
    const auto closed =
        mm::close_ledger(relay, relay.pages(), {.firmware = firmware, .end = kEnd}, log.printer());
    EXPECT_TRUE(closed.ok()) << log.text();
    for (const char* line : {
             "e820: [mem 0x0000400000000000-0x000040007fffffff] usable is beyond what the CPU can "
             "address (0x10000000000)\n",
             "e820: [mem 0x0000fffd00000000-0x0000ffffffffffff] reserved is beyond what the CPU "
             "can "
             "address (0x10000000000)\n",
             "Ledger: address space                       281474976710656 bytes\n",
             "Ledger:   unreachable                        2147483648\n",
             "Ledger: closed, 0 bytes unaccounted for\n",
         }) {
      EXPECT_NE(log.text().find(line), std::string::npos) << line << "in\n" << log.text();
    }
  }
}

}  // namespace
