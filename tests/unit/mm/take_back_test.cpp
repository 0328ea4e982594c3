// Frames that are taken back from the allocator for good: bad pages, above all.
#include <gtest/gtest.h>

#include <string>

#include "mm/audit.h"
#include "mm/page_alloc_impl.h"
#include "mm/relay_ledger.h"
#include "tests/support/relayed.h"

namespace {

using mm::FrameUse;
using mm::Pfn;
using mm::PfnRange;

constexpr const char* kBad = "BAD PAGES";

//        page 0x200 ......... 0x3ffff   0x100000 ... 0x17ffff
// node 0 [RAM, DMA and DMA32         ]  [node 1, Normal      ]
constexpr const char* kDrawing = R"(
BIOS-e820: [mem 0x0000000000200000-0x000000003fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
SRAT: Node 0 PXM 0 [mem 0x00000000-0x3fffffff]
SRAT: Node 1 PXM 1 [mem 0x100000000-0x17fffffff]
)";

struct Machine : test::Relayed {
  Machine() : test::Relayed(kDrawing) {}

  [[nodiscard]] std::string ledger() const {
    test::Log said;
    const mm::LedgerFacts facts{.firmware = test::firmware_ram(machine.firmware, machine.e820)};
    const auto closed = mm::close_ledger(relay, relay.pages(), facts, said.printer());
    return closed.ok() ? said.take() : test::describe(closed.error());
  }
  [[nodiscard]] FrameUse use(uint64_t pfn) const { return relay.pages().owner_of({pfn}).use; }
};

TEST(TakeBack, APageIsNobodysAndTheLedgerNamesIt) {
  Machine m;
  const mm::ZoneCounts before = m.relay.pages().counts();
  for (const uint64_t pfn : {0x5123UL, 0x5124UL, 0x14'0000UL}) {
    ASSERT_TRUE(m.relay.take_back(0, {{pfn}, {pfn + 1}}, kBad).ok());
    EXPECT_EQ(m.use(pfn), FrameUse::Reserved);
    EXPECT_EQ(m.relay.reservations().find(mm::phys(Pfn{pfn}))->name, std::string(kBad));
    EXPECT_FALSE(m.relay.pages().free_pages(0, {pfn}, 0).ok());
  }
  EXPECT_EQ(m.use(0x5122), FrameUse::Free);
  EXPECT_EQ(m.use(0x5125), FrameUse::Free);
  const mm::ZoneCounts after = m.relay.pages().counts();
  EXPECT_EQ(after.managed, before.managed - 3);
  EXPECT_EQ(after.allocated(), 0U);
  EXPECT_TRUE(mm::audit(m.relay.pages()).ok());
  const std::string ledger = m.ledger();
  EXPECT_NE(ledger.find("BAD PAGES                               12288\n"), std::string::npos)
      << ledger;
  EXPECT_NE(ledger.find("allocated                                   0\n"), std::string::npos)
      << ledger;
  EXPECT_NE(ledger.find("Ledger: closed"), std::string::npos) << ledger;
}

TEST(TakeBack, NobodyIsEverGivenIt) {
  Machine m;
  ASSERT_TRUE(m.relay.take_back(0, {{0x2'0000}, {0x2'0001}}, kBad).ok());
  // To the last page, in blocks that are small enough to come close.
  for (const unsigned order : {4U, 0U}) {
    for (;;) {
      const auto block = m.relay.pages().alloc_pages(0, mm::kGfpFlagMemAlloc, order, 0);
      if (!block) break;
      const PfnRange frames{block.value(), block.value() + mm::frames_of(order)};
      ASSERT_FALSE(frames.contains(Pfn{0x2'0000}));
    }
  }
  EXPECT_EQ(m.use(0x2'0000), FrameUse::Reserved);
  EXPECT_TRUE(mm::audit(m.relay.pages()).ok());
}

// Far more than the list of reservations has room for.
TEST(TakeBack, TheListOfReservationsGrows) {
  Machine m;
  for (uint64_t i = 0; i < 1500; ++i) {
    const PfnRange page{{0x1'0000 + 3 * i}, {0x1'0000 + 3 * i + 1}};
    ASSERT_TRUE(m.relay.take_back(0, page, kBad).ok()) << i;
  }
  EXPECT_TRUE(mm::audit(m.relay.pages()).ok());
  EXPECT_NE(m.ledger().find("Ledger: closed"), std::string::npos) << m.ledger();
  // Like any reservation, they can be given back.
  const auto frames = m.relay.give_back(kBad);
  ASSERT_TRUE(frames.ok());
  EXPECT_EQ(frames.value(), 1500U);
  EXPECT_TRUE(mm::audit(m.relay.pages()).ok());
  EXPECT_NE(m.ledger().find("Ledger: closed"), std::string::npos) << m.ledger();
}

TEST(TakeBack, WhatIsNotFreeStaysAsItIs) {
  Machine m;
  auto& pages = m.relay.pages();
  const auto block = pages.alloc_pages(0, mm::kGfpKernel, 2, 1);
  ASSERT_TRUE(block.ok());
  pages.drain_all();
  const auto before = m.buddy();
  const Pfn taken = block.value();
  const Pfn layout = mm::pfn_down(m.relay.reservations().entries().back().range.start);
  for (const PfnRange wrong : {PfnRange{taken, taken + 1}, PfnRange{layout, layout + 1},
                               PfnRange{{0x10}, {0x11}}, PfnRange{{0xfee00}, {0xfee01}},
                               PfnRange{{0x5000}, {0x5000}}, PfnRange{{0xfff}, {0x1001}}}) {
    EXPECT_FALSE(m.relay.take_back(0, wrong, kBad).ok()) << wrong.start.v;
  }
  EXPECT_FALSE(m.relay.take_back(0, {{0x5000}, {0x5001}}, "a name that is far too long").ok());
  pages.drain_all();
  EXPECT_EQ(m.buddy(), before);
  EXPECT_TRUE(mm::audit(pages).ok());
}

TEST(TakeBack, OnlyWhatIsHeldIsWithdrawn) {
  Machine m;
  auto& pages = m.relay.pages();
  const uint64_t managed = pages.counts().managed;
  const PfnRange run{{0x5001}, {0x5007}};
  EXPECT_FALSE(pages.withdraw(run).ok());  // free
  ASSERT_TRUE(pages.alloc_contig_range(0, run).ok());
  EXPECT_FALSE(pages.withdraw({run.start, run.end + 1}).ok());  // more than is held
  EXPECT_FALSE(pages.withdraw({run.start + 2, run.end}).ok());  // the inside of a block
  EXPECT_FALSE(pages.withdraw({run.start, run.start}).ok());
  EXPECT_FALSE(pages.withdraw({{0xfff}, {0x1001}}).ok());  // two zones
  ASSERT_TRUE(pages.get_page(0, run.start).ok());
  EXPECT_FALSE(pages.withdraw(run).ok());  // somebody else holds it too
  ASSERT_TRUE(pages.put_page(0, run.start).ok());
  EXPECT_EQ(pages.counts().managed, managed);
  ASSERT_TRUE(pages.withdraw(run).ok());
  EXPECT_EQ(pages.counts().managed, managed - 6);
  EXPECT_FALSE(pages.withdraw(run).ok());
  EXPECT_TRUE(mm::audit(pages).ok());
  ASSERT_TRUE(pages.release(run).ok());
  EXPECT_EQ(pages.counts().managed, managed);
  EXPECT_TRUE(mm::audit(pages).ok());
}

}  // namespace
