// What interrupts a CPU comes between any two masked stretches of the allocator, and finds it whole; a list
// that goes back to its zone is given back in batches, with such a gap behind each.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <mutex>
#include <random>
#include <vector>

#include "mm/audit.h"
#include "mm/page_alloc.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

constexpr Gfp kMovable = kGfpKernel | kGfpFlagMovable;

// An interrupt comes whenever it can, in the instant in which nothing keeps it out any more; not while one
// is handled.
struct Interrupted : ManyCpus {
  using Lock = std::mutex;
  struct Masked {
    Masked() { ++depth; }
    ~Masked() {
      if (--depth != 0 || handling || !handler) return;
      handling = true;
      handler();
      handling = false;
    }
    Masked(const Masked&) = delete;
    Masked& operator=(const Masked&) = delete;
  };
  static inline unsigned depth = 0;
  static inline bool handling = false;
  static inline std::function<void()> handler;
};

// 4 GiB of one node: its CPU keeps more than the 2,016 pages that go back at most.
class Interrupts : public testing::Test {
 protected:
  Interrupts() : machine({{{at(4 * kGiB, 8 * kGiB)}}}, 1), a(machine.allocator) {
    EXPECT_TRUE(machine.release_all().ok());
    a.setup_watermarks();
    a.setup_per_cpu_pageset();
  }
  ~Interrupts() override {
    Interrupted::handler = nullptr;
    const Result<> result = audit(a);
    EXPECT_TRUE(result.ok()) << result.error().what << std::hex << " " << result.error().a;
  }
  // Every other block of so many: what is given back lies alone.
  std::vector<Pfn> scattered(unsigned order, size_t count) {
    std::vector<Pfn> blocks;
    for (size_t i = 0; i < 2 * count; ++i) {
      const Pfn pfn = a.alloc_pages(0, kMovable, order, 0).value();
      if (i % 2 == 0) blocks.push_back(pfn);
    }
    return blocks;
  }
  [[nodiscard]] uint64_t in_zone() const { return a.node(0).zones[ZoneType::Normal].free_pages; }
  // The most pages that go to the zone between two gaps of a call, and in all of one.
  struct Returned {
    uint64_t at_once = 0, by_call = 0;
  };
  template <class Call>
  void watch(Returned& most, Call call) {
    const uint64_t before = in_zone();
    uint64_t last = before;
    Interrupted::handler = [&] {
      most.at_once = std::max(most.at_once, in_zone() - last);
      last = in_zone();
    };
    call();
    Interrupted::handler = nullptr;
    most.by_call = std::max(most.by_call, in_zone() - before);
  }
  PretendMachine<Interrupted> machine;
  PageAllocator<Interrupted>& a;
};

TEST_F(Interrupts, AFullListGoesBackABatchAtATime) {
  for (const unsigned order : {0U, 3U}) {
    Returned most;
    for (const Pfn pfn : scattered(order, 20'000 >> order)) {
      watch(most, [&] { ASSERT_TRUE(a.free_pages(0, pfn, order).ok()); });
    }
    EXPECT_GT(most.by_call, 2 * 64 << order) << order;
    EXPECT_LE(most.at_once, 64 << order) << order;
  }
}

TEST_F(Interrupts, ListsAreDrainedABatchAtATime) {
  for (const Pfn pfn : scattered(0, 2'000)) ASSERT_TRUE(a.free_pages(0, pfn, 0).ok());
  Returned most;
  watch(most, [&] { a.drain(0); });
  EXPECT_GT(most.by_call, 1'000U);
  EXPECT_LE(most.at_once, 64U);
  EXPECT_EQ(a.counts().on_cpu_lists, 0U);
}

TEST_F(Interrupts, PageblocksAreIsolatedOneAtATime) {
  const Zone& zone = a.node(0).zones[ZoneType::Normal];
  const PfnRange frames = at(5 * kGiB, 5 * kGiB + 32 * kMiB);
  uint64_t last = 0, most = 0;
  Interrupted::handler = [&] {
    const uint64_t now = zone.isolated_pageblocks;
    most = std::max(most, now > last ? now - last : last - now);
    last = now;
    ASSERT_TRUE(audit(a).ok());
  };
  ASSERT_TRUE(a.isolate(frames).ok());
  EXPECT_EQ(last, 16U);
  ASSERT_TRUE(a.unisolate(frames).ok());
  EXPECT_EQ(last, 0U);
  EXPECT_EQ(most, 1U);
}

// Interrupts take what is to go back before it can.
TEST_F(Interrupts, WhatIsTakenMeanwhileIsNotWaitedFor) {
  for (const Pfn pfn : scattered(0, 2'000)) ASSERT_TRUE(a.free_pages(0, pfn, 0).ok());
  std::vector<Pfn> taken;
  Interrupted::handler = [&] {
    while (a.pcp(0, a.node(0).zones[ZoneType::Normal]).count() != 0) {
      taken.push_back(a.alloc_pages(0, kMovable, 0, 0).value());
    }
  };
  a.drain(0);
  Interrupted::handler = nullptr;
  EXPECT_EQ(a.counts().on_cpu_lists, 0U);
  EXPECT_GT(taken.size(), 1'000U);
  for (const Pfn pfn : taken) ASSERT_TRUE(a.free_pages(0, pfn, 0).ok());
}

// Both the CPU and its interrupts allocate and free at random.
TEST_F(Interrupts, FindTheAllocatorWhole) {
  struct Block {
    Pfn pfn;
    unsigned order;
  };
  std::mt19937 random(1);
  const auto step = [&](std::vector<Block>& held, size_t about) {
    constexpr std::array<unsigned, 8> kOrderOf{0, 0, 0, 1, 2, 3, 9, 10};
    if (random() % (2 * about) >= held.size()) {
      const unsigned order = kOrderOf[random() % kOrderOf.size()];
      const PagesOr block = a.alloc_pages(0, kMovable, order, 0);
      if (block.ok()) held.push_back({block.value(), order});
      return;
    }
    std::swap(held[random() % held.size()], held.back());
    ASSERT_TRUE(a.free_pages(0, held.back().pfn, held.back().order).ok());
    held.pop_back();
  };
  std::vector<Block> by_cpu, by_interrupts;
  Interrupted::handler = [&] { step(by_interrupts, 2'000); };
  for (unsigned i = 0; i < 60'000; ++i) {
    // By turns much is taken, little, and nothing is kept at hand.
    step(by_cpu, i / 6'000 % 2 == 0 ? 10'000 : 100);
    if (i % 5'000 == 0) a.drain(0);
  }
  Interrupted::handler = nullptr;
  uint64_t pages = 0;
  for (const auto* const held : {&by_cpu, &by_interrupts}) {
    for (const Block& block : *held) pages += frames_of(block.order);
  }
  EXPECT_EQ(a.counts().allocated(), pages);
}

}  // namespace
}  // namespace mm::test
