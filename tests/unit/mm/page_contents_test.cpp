// What frames hold while nobody has them, and when they are handed out: page_poison, init_on_alloc,
// init_on_free; and that nobody touches them meanwhile: debug_pagealloc.
#include "mm/page_contents.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "mm/audit.h"
#include "mm/page_alloc.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

constexpr Gfp kMovable = kGfpKernel | kGfpFlagMovable;
constexpr uint64_t kRubbish = 0x0123'4567'89ab'cdef;
constexpr PageContents kPoisoned{.poison = true};
constexpr PageContents kZeroedOnAlloc{.zero_on_alloc = true};
constexpr PageContents kZeroedOnFree{.zero_on_free = true};
constexpr PageContents kPoisonedAbsent{.poison = true, .absent = true};

// RAM from 4 to 48 MiB, of DMA and DMA32, and two CPUs.
class FrameContents : public testing::Test {
 protected:
  FrameContents() : machine({{{at(4 * kMiB, 48 * kMiB)}}}, 2), a(machine.allocator) {}
  ~FrameContents() override {
    const Result<> result = audit(a);
    EXPECT_TRUE(result.ok()) << result.error().what << std::hex << " " << result.error().a;
  }
  void start(const PageContents& contents) {
    fill_ram(kRubbish);
    ASSERT_TRUE(a.set_contents(contents, said.printer(), {set_presence, this}).ok());
    ASSERT_TRUE(machine.release_all().ok());
    ASSERT_TRUE(a.start_cpu(1, 0).ok());
    a.setup_watermarks();
    a.setup_per_cpu_pageset();
  }
  uint64_t* words(Pfn pfn) { return machine.map().at<uint64_t>(phys(pfn)); }
  void fill_ram(uint64_t word) { fill({{frames(4 * kMiB)}, {frames(48 * kMiB)}}, word); }
  void fill(PfnRange range, uint64_t word) {
    std::fill_n(words(range.start), range.size() * kPageSize / 8, word);
  }
  void fill(Pfn pfn, unsigned order, uint64_t word) { fill({pfn, pfn + frames_of(order)}, word); }
  bool holds(PfnRange range, uint64_t word) {
    const uint64_t* const first = words(range.start);
    return std::all_of(first, first + range.size() * kPageSize / 8,
                       [=](uint64_t w) { return w == word; });
  }
  bool holds(Pfn pfn, unsigned order, uint64_t word) {
    return holds({pfn, pfn + frames_of(order)}, word);
  }
  // All that nobody has.
  void expect_free_to_hold(uint64_t word) {
    uint64_t seen = 0;
    const auto look = [&](const FreeBlock& block) {
      seen += frames_of(block.order);
      EXPECT_TRUE(holds(block.pfn, block.order, word)) << block.pfn.v << " order " << block.order;
      return true;
    };
    a.for_each_free_block(look);
    a.for_each_cpu_block([&](const FreeBlock& block, unsigned) { look(block); });
    EXPECT_EQ(seen, a.counts().free + a.counts().on_cpu_lists);
  }
  Pfn take(unsigned order, Gfp gfp = kMovable, unsigned cpu = 0) {
    return a.alloc_pages(cpu, gfp, order, 0).value();
  }

  // Whoever touches a frame that is absent, test or allocator, gets a signal.
  static void set_presence(void* context, PfnRange range, bool there) {
    auto& self = *static_cast<FrameContents*>(context);
    self.protect(range, there);
    for (Pfn pfn = range.start; pfn < range.end; pfn += 1) self.absent[pfn.v] = !there;
  }
  void protect(PfnRange range, bool there) {
    const int rights = there ? PROT_READ | PROT_WRITE : PROT_NONE;
    ASSERT_EQ(mprotect(words(range.start), range.size() * kPageSize, rights), 0);
  }
  // All that nobody has is absent, and nothing else.
  void expect_free_to_be_absent() {
    std::vector<bool> free(absent.size());
    const auto note = [&](const FreeBlock& block) {
      std::fill_n(free.begin() + static_cast<ptrdiff_t>(block.pfn.v), frames_of(block.order), true);
      return true;
    };
    a.for_each_free_block(note);
    a.for_each_cpu_block([&](const FreeBlock& block, unsigned) { note(block); });
    EXPECT_EQ(free, absent);
  }

  PretendMachine<> machine;
  PageAllocator<OneCpu>& a;
  Text said;
  std::vector<bool> absent = std::vector<bool>(frames(48 * kMiB));
};

TEST_F(FrameContents, AreNobodysBusinessUnlessAskedFor) {
  start({});
  EXPECT_TRUE(holds(take(4), 4, kRubbish));
  const Pfn page = take(0);
  fill(page, 0, 7);
  ASSERT_TRUE(a.free_pages(0, page, 0).ok());
  EXPECT_EQ(take(0), page);
  EXPECT_TRUE(holds(page, 0, 7));
}

TEST_F(FrameContents, OfPoisonedFramesAreAaFromTheFirstHandOverOn) {
  start(kPoisoned);
  expect_free_to_hold(PageContents::kPoison);
  for (const unsigned order : {0U, 1U, 3U, 4U, 9U, 10U}) {
    for (const unsigned cpu : {0U, 1U}) {
      const Pfn block = take(order, kMovable, cpu);
      EXPECT_TRUE(holds(block, order, PageContents::kPoison));
      fill(block, order, kRubbish);
      ASSERT_TRUE(a.free_pages(cpu, block, order).ok());
      const Pfn zeroed = take(order, kMovable | kGfpFlagZero, cpu);
      EXPECT_TRUE(holds(zeroed, order, 0));
      ASSERT_TRUE(a.free_pages(cpu, zeroed, order).ok());
    }
  }
  expect_free_to_hold(PageContents::kPoison);
  EXPECT_EQ(said.text, "");
}

TEST_F(FrameContents, WhatIsToBeWithdrawnIsNotLookedAt) {
  start(kPoisoned);
  const Pfn page{frames(20 * kMiB)};
  *words(page) = kRubbish;
  ASSERT_TRUE(a.take_contig_range(0, {page, page + 1}).ok());
  EXPECT_EQ(*words(page), kRubbish);
  EXPECT_EQ(a.corrupted_frames(), 0U);
  EXPECT_EQ(said.text, "");
  ASSERT_TRUE(a.withdraw({page, page + 1}).ok());
}

TEST_F(FrameContents, WhoWritesToAFrameThatIsFreeIsToldOf) {
  start(kPoisoned);
  const Pfn page{frames(20 * kMiB)};
  auto* const bytes = reinterpret_cast<uint8_t*>(words(page));
  bytes[0x41] = 0;
  bytes[0x43] = 0xff;
  bytes[0x9f] = 0xab;
  ASSERT_TRUE(a.alloc_contig_range(0, {page, page + 1}).ok());
  EXPECT_EQ(said.text,
            "pagealloc: memory corruption\n"
            "page at 0x1400000: 3 bytes are not 0xaa, from offset 0x41 to 0x9f\n"
            "0000000001400040: aa 00 aa ff aa aa aa aa aa aa aa aa aa aa aa aa\n"
            "0000000001400090: aa aa aa aa aa aa aa aa aa aa aa aa aa aa aa ab\n");
  EXPECT_EQ(a.corrupted_frames(), 1U);
  ASSERT_TRUE(a.free_contig_range(0, {page, page + 1}).ok());
  expect_free_to_hold(PageContents::kPoison);
}

TEST_F(FrameContents, OneBitIsMemorysFaultRatherThanAProgrammers) {
  start(kPoisoned);
  const Pfn page = take(0);
  ASSERT_TRUE(a.free_pages(0, page, 0).ok());
  reinterpret_cast<uint8_t*>(words(page))[0xfff] ^= 0x10;
  EXPECT_EQ(take(0), page);
  EXPECT_NE(said.text.find("pagealloc: single bit error\n"), std::string::npos) << said.text;
  EXPECT_NE(said.text.find(": 1 bytes are not 0xaa, from offset 0xfff to 0xfff\n"),
            std::string::npos);
  EXPECT_NE(said.text.find(" aa ba\n"), std::string::npos);
}

TEST_F(FrameContents, SeveralBitsAreNoSingleBitError) {
  start(kPoisoned);
  const PfnRange pages{{frames(20 * kMiB)}, {frames(20 * kMiB) + 2}};
  reinterpret_cast<uint8_t*>(words(pages.start))[7] ^= 0x11;
  words(pages.start + 1)[3] ^= uint64_t{1} << 8 | 1;
  ASSERT_TRUE(a.alloc_contig_range(0, pages).ok());
  EXPECT_EQ(a.corrupted_frames(), 2U);
  EXPECT_EQ(said.text.find("single bit error"), std::string::npos) << said.text;
}

TEST_F(FrameContents, OfALongCorruptionTheBeginningIsShown) {
  start(kPoisoned);
  const Pfn block = take(4);
  ASSERT_TRUE(a.free_pages(0, block, 4).ok());
  fill(block + 3, 0, 0);
  EXPECT_EQ(take(4), block);
  EXPECT_EQ(std::count(said.text.begin(), said.text.end(), '\n'), 2 + 8 + 1);
  EXPECT_NE(said.text.find("4096 bytes are not 0xaa"), std::string::npos);
  EXPECT_NE(said.text.find("\nand 248 rows more\n"), std::string::npos);
}

TEST_F(FrameContents, WhereNothingMayBeWaitedForAreTheSame) {
  start(kPoisoned);
  const PagesOr block = a.try_alloc_pages(0, kMovable, 2, 0);
  ASSERT_TRUE(block.ok());
  EXPECT_TRUE(holds(block.value(), 2, PageContents::kPoison));
  fill(block.value(), 2, kRubbish);
  ASSERT_TRUE(a.try_free_pages(0, block.value(), 2).ok());
  expect_free_to_hold(PageContents::kPoison);
  words(block.value() + 3)[511] = 0;
  ASSERT_TRUE(a.try_alloc_pages(0, kMovable, 2, 0).ok());
  EXPECT_EQ(a.corrupted_frames(), 1U);
  // A line would be waited for: it comes with the next, once.
  EXPECT_EQ(said.text, "");
  (void)take(0);
  (void)take(0);
  EXPECT_EQ(said.text,
            "pagealloc: memory corruption: 1 pages, handed out where nothing could be told\n");
}

TEST_F(FrameContents, WhereNothingMayBeWaitedForAreZeroToo) {
  start(kZeroedOnAlloc);
  const PagesOr block = a.try_alloc_pages(0, kMovable, 2, 0);
  ASSERT_TRUE(block.ok());
  EXPECT_TRUE(holds(block.value(), 2, 0));
}

TEST_F(FrameContents, AreAbsentFromTheFirstHandOverOn) {
  start({.absent = true});
  expect_free_to_be_absent();
  const Pfn page = take(0);
  EXPECT_TRUE(holds(page, 0, kRubbish));
  ASSERT_TRUE(a.free_pages(1, page, 0).ok());
  expect_free_to_be_absent();
}

TEST_F(FrameContents, OfAbsentFramesAreFilledBeforeAndSeenAfter) {
  start({.zero_on_alloc = true, .zero_on_free = true, .absent = true});
  const Pfn block = take(3);
  fill(block, 3, kRubbish);
  ASSERT_TRUE(a.free_pages(0, block, 3).ok());
  protect({block, block + 8}, true);
  EXPECT_TRUE(holds(block, 3, 0));
  fill(block, 3, kRubbish);
  protect({block, block + 8}, false);
  EXPECT_EQ(take(3), block);
  EXPECT_TRUE(holds(block, 3, 0));
}

TEST_F(FrameContents, OfAbsentFramesThatWereWrittenToAreToldOf) {
  start(kPoisonedAbsent);
  const Pfn page{frames(20 * kMiB)};
  protect({page, page + 1}, true);  // by its other address, or a device
  words(page)[1] = 0;
  protect({page, page + 1}, false);
  ASSERT_TRUE(a.alloc_contig_range(0, {page, page + 1}).ok());
  EXPECT_EQ(a.corrupted_frames(), 1U);
  EXPECT_NE(said.text.find("8 bytes are not 0xaa"), std::string::npos) << said.text;
}

TEST_F(FrameContents, WhatIsToBeWithdrawnIsThere) {
  start(kPoisonedAbsent);
  const PfnRange page{{frames(20 * kMiB)}, {frames(20 * kMiB) + 1}};
  ASSERT_TRUE(a.take_contig_range(0, page).ok());
  expect_free_to_be_absent();
  ASSERT_TRUE(a.withdraw(page).ok());
  expect_free_to_be_absent();
  ASSERT_TRUE(a.release(page).ok());
  expect_free_to_be_absent();
}

TEST_F(FrameContents, AreAbsentByNobody) {
  const Result<> result = a.set_contents(kPoisonedAbsent, said.printer());
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().what, "nobody takes free frames' addresses away");
  start({});
}

TEST_F(FrameContents, AreZeroWhenHandedOut) {
  start(kZeroedOnAlloc);
  for (const unsigned order : {0U, 3U, 5U, 9U}) {
    const Pfn block = take(order);
    EXPECT_TRUE(holds(block, order, 0)) << order;
    fill(block, order, kRubbish);
    ASSERT_TRUE(a.free_pages(0, block, order).ok());
  }
  const PfnRange range{{frames(24 * kMiB)}, {frames(24 * kMiB) + 5}};
  ASSERT_TRUE(a.alloc_contig_range(0, range).ok());
  EXPECT_TRUE(holds(range, 0));
}

TEST_F(FrameContents, AreZeroWhileFree) {
  start(kZeroedOnFree);
  expect_free_to_hold(0);
  for (const unsigned order : {0U, 3U, 5U, 9U}) {
    const Pfn block = take(order);
    fill(block, order, kRubbish);
    ASSERT_TRUE(a.free_pages(1, block, order).ok());
  }
  expect_free_to_hold(0);
}

TEST_F(FrameContents, CannotBeChosenWhenThereIsFreeMemory) {
  start({});
  const Result<> late = a.set_contents(kPoisoned, said.printer());
  ASSERT_FALSE(late.ok());
  EXPECT_STREQ(late.error().what, "some memory is the allocator's already");
  EXPECT_FALSE(a.contents().any());
}

// Every way to have and to give frames, by chance, with rubbish written to all that is had.
class FramesByChance : public FrameContents, public testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(, FramesByChance, testing::Bool());

TEST_P(FramesByChance, HoldHoweverFramesAreHadAndGiven) {
  const bool are_absent = GetParam();
  start(are_absent ? kPoisonedAbsent : kPoisoned);
  std::mt19937_64 random(7);
  struct Block {
    PfnRange frames;
    int order;  // -1: as a range
  };
  std::vector<Block> held;
  for (unsigned step = 0; step < 2000; ++step) {
    const auto cpu = static_cast<unsigned>(random() % 2);
    const auto order = static_cast<unsigned>(random() % 11);
    const uint64_t count = 1 + random() % 40;
    const auto keep = [&](const PagesOr& got, uint64_t size, int as,
                          uint64_t word = PageContents::kPoison) {
      if (!got.ok()) return;
      const PfnRange range{got.value(), got.value() + size};
      EXPECT_TRUE(holds(range, word)) << step;
      fill(range, kRubbish);
      held.push_back({range, as});
    };
    switch (random() % 8) {
      case 0:
      case 1:
        keep(a.alloc_pages(cpu, kMovable | kGfpFlagNoWarn, order, 0), frames_of(order),
             static_cast<int>(order));
        break;
      case 2:
        // What is cut off goes back at once.
        keep(a.alloc_pages_exact(cpu, kMovable | kGfpFlagNoWarn | kGfpFlagZero, count, 0), count,
             -1, 0);
        break;
      case 3:
        keep(a.alloc_contig_pages(cpu, kMovable, count, 4, 0), count, -1);
        break;
      case 4:
        keep(a.try_alloc_pages(cpu, kMovable, order, 0), frames_of(order), static_cast<int>(order));
        break;
      default:
        if (held.empty()) break;
        std::swap(held[random() % held.size()], held.back());
        const Block block = held.back();
        held.pop_back();
        if (block.order < 0) {
          ASSERT_TRUE(a.free_contig_range(cpu, block.frames).ok());
        } else if (random() % 3 == 0) {
          ASSERT_TRUE(
              a.try_free_pages(cpu, block.frames.start, static_cast<unsigned>(block.order)).ok());
        } else {
          ASSERT_TRUE(a.put_page(cpu, block.frames.start).ok());
        }
    }
  }
  if (are_absent) {
    expect_free_to_be_absent();
    protect({{frames(4 * kMiB)}, {frames(48 * kMiB)}}, true);
  }
  expect_free_to_hold(PageContents::kPoison);
  EXPECT_EQ(a.corrupted_frames(), 0U);
  EXPECT_EQ(said.text, "");
}

}  // namespace
}  // namespace mm::test
