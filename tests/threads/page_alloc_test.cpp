// Two and eight CPUs in the allocator at once, each a thread, under ThreadSanitizer. `make soak`
// runs the same without it, and longer: BATON_OPERATIONS says how many allocations and frees.
#include "mm/page_alloc.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cstdlib>
#include <string>
#include <thread>

#include "mm/audit.h"
#include "mm/show.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

struct Held {
  Pfn pfn;
  unsigned order;
};

// Blocks that one thread gives to another.
class Bazaar {
 public:
  void put(const Held& held) {
    const std::lock_guard<std::mutex> guard(mutex_);
    blocks_.push_back(held);
  }
  bool get(Held& held) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (blocks_.empty()) return false;
    held = blocks_.back();
    blocks_.pop_back();
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<Held> blocks_;
};

// Who has a block writes its mark into the first and last word: two owners would be a race.
void mark(const DirectMap& map, const Held& held, uint64_t value) {
  *map.at<uint64_t>(phys(held.pfn)) = value;
  *map.at<uint64_t>(phys(held.pfn + frames_of(held.order)) - 8) = value;
}
bool marked(const DirectMap& map, const Held& held, uint64_t value) {
  return *map.at<uint64_t>(phys(held.pfn)) == value &&
         *map.at<uint64_t>(phys(held.pfn + frames_of(held.order)) - 8) == value;
}

class Cpu {
 public:
  Cpu(PretendMachine<ManyThreads>& machine, Bazaar& bazaar, unsigned cpu)
      : machine_(machine), bazaar_(bazaar), cpu_(cpu), random_(cpu + 1) {}

  void run(uint64_t operations) {
    while (done_ < operations) {
      const uint64_t dice = random_() % 100;
      if (dice < 50) {
        allocate();
      } else if (dice < 85) {
        free_one();
      } else if (dice < 92) {
        if (!held_.empty()) give_away();
      } else if (dice < 97) {
        take_over();
      } else if (dice < 98) {
        machine_.allocator.drain_remote(cpu_);
      } else {
        machine_.allocator.drain(cpu_);
      }
    }
    while (!held_.empty()) free_one();
  }
  unsigned wrong = 0;

 private:
  void allocate() {
    constexpr std::array kGfps{kGfpKernel | kGfpFlagNoWarn, kGfpAtomic | kGfpFlagNoWarn,
                               kGfpHighUserMovable | kGfpFlagNoWarn,
                               kGfpKernel | kGfpFlagReclaimable | kGfpFlagNoWarn,
                               kGfpNoWait | kGfpDma32 | kGfpFlagNoWarn};
    constexpr std::array kOrders{0u, 0u, 0u, 1u, 2u, 3u, 5u, 9u, 10u};
    const unsigned order = kOrders[random_() % kOrders.size()];
    const auto node = static_cast<NodeId>(random_() % 8 == 0 ? random_() % 2 : cpu_ % 2);
    const PagesOr block = from(kGfps[random_() % kGfps.size()], order, node);
    if (!block.ok()) return;
    ++done_;
    const Held held{block.value(), order};
    mark(machine_.map(), held, held.pfn.v);
    held_.push_back(held);
  }
  PagesOr from(Gfp gfp, unsigned order, NodeId node) {
    NodeSet nodes;
    nodes.set(node);
    switch (random_() % 8) {
      case 0:
        return machine_.allocator.try_alloc_pages(cpu_, gfp, order, node);
      case 1:
        return machine_.allocator.alloc_pages_bind(cpu_, gfp, order, nodes);
      case 2:
        nodes.set(static_cast<NodeId>(1 - node));
        return machine_.allocator.alloc_pages_interleave(cpu_, gfp, order, nodes, turn_);
      default:
        return machine_.allocator.alloc_pages(cpu_, gfp, order, node);
    }
  }
  Held pick() {
    const size_t index = random_() % held_.size();
    const Held held = held_[index];
    held_[index] = held_.back();
    held_.pop_back();
    return held;
  }
  void free_one() {
    if (held_.empty()) return;
    ++done_;
    const Held held = pick();
    if (!marked(machine_.map(), held, held.pfn.v)) ++wrong;
    mark(machine_.map(), held, 0);
    // Sometimes by two references, dropped one after the other.
    if (random_() % 16 == 0) {
      if (!machine_.allocator.get_page(cpu_, held.pfn).ok()) ++wrong;
      if (!machine_.allocator.put_page(cpu_, held.pfn).ok()) ++wrong;
    }
    const Freed freed = random_() % 8 == 0
                            ? machine_.allocator.try_free_pages(cpu_, held.pfn, held.order)
                            : machine_.allocator.free_pages(cpu_, held.pfn, held.order);
    if (!freed.ok()) ++wrong;
  }
  void give_away() { bazaar_.put(pick()); }
  void take_over() {
    Held held{};
    if (bazaar_.get(held)) held_.push_back(held);
  }

  PretendMachine<ManyThreads>& machine_;
  Bazaar& bazaar_;
  unsigned cpu_;
  std::mt19937_64 random_;
  std::vector<Held> held_;
  uint64_t done_ = 0;
  NodeId turn_ = 0;
};

uint64_t operations_of_each(unsigned cpus) {
  constexpr uint64_t kFew = 12'000;
  const char* const asked = std::getenv("BATON_OPERATIONS");
  return asked == nullptr ? kFew : std::stoull(asked) / cpus;
}

void storm(unsigned cpus, bool lists) {
  PretendMachine<ManyThreads> machine(
      {{{at(0x1000, 48 * kMiB)}}, {{at(48 * kMiB, 96 * kMiB + 0x5000)}}}, cpus);
  ASSERT_TRUE(machine.ready.ok());
  ASSERT_TRUE(machine.release_all({at(1 * kMiB, 3 * kMiB)}).ok());
  for (unsigned cpu = 1; cpu < cpus; ++cpu) {
    ASSERT_TRUE(machine.allocator.start_cpu(cpu, static_cast<NodeId>(cpu % 2)).ok());
  }
  if (lists) {
    machine.allocator.setup_watermarks();
    machine.allocator.setup_per_cpu_pageset();
  }
  Bazaar bazaar;
  std::vector<Cpu> workers;
  for (unsigned cpu = 0; cpu < cpus; ++cpu) workers.emplace_back(machine, bazaar, cpu);
  std::vector<std::thread> threads;
  for (Cpu& worker : workers) threads.emplace_back([&] { worker.run(operations_of_each(cpus)); });
  // Meanwhile the counts are read: each number is one that was there.
  std::atomic<bool> done = false;
  std::thread reader([&] {
    const uint64_t all = machine.allocator.counts().managed;
    while (!done) {
      const ZoneCounts counts = machine.allocator.counts();
      EXPECT_EQ(counts.managed, all);
      EXPECT_LE(counts.free, all);
      EXPECT_LE(counts.allocated(), all);
      const NumaEvents events = machine.allocator.node_events(0);
      EXPECT_LE(events.interleave, events.hit + events.miss + 1000);
      show_buddyinfo(machine.allocator, Printer());
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  reader.join();
  for (const Cpu& worker : workers) EXPECT_EQ(worker.wrong, 0u);
  Held held{};
  while (bazaar.get(held)) ASSERT_TRUE(machine.allocator.free_pages(0, held.pfn, held.order).ok());

  const Result<> before = audit(machine.allocator);
  EXPECT_TRUE(before.ok()) << before.error().what << std::hex << " " << before.error().a;
  machine.allocator.drain_all();
  const Result<> after = audit(machine.allocator);
  EXPECT_TRUE(after.ok()) << after.error().what << std::hex << " " << after.error().a;
  EXPECT_EQ(machine.allocator.counts().allocated(), 0u);
  EXPECT_EQ(machine.allocator.counts().free, machine.allocator.counts().managed);
}

// Two CPUs free one block at the same instant, again and again: each time one of them is told.
void race(unsigned order, NodeId node, bool lists) {
  PretendMachine<ManyThreads> machine({{{at(0, 64 * kMiB)}}, {{at(64 * kMiB, 128 * kMiB)}}}, 2);
  ASSERT_TRUE(machine.release_all().ok());
  ASSERT_TRUE(machine.allocator.start_cpu(1, 1).ok());
  if (lists) {
    machine.allocator.setup_watermarks();
    machine.allocator.setup_per_cpu_pageset();
  }
  constexpr unsigned kRounds = 2000;
  Pfn block;
  std::array<unsigned, 2> refused{};
  std::barrier start(2);
  const auto free_it = [&](unsigned cpu) {
    for (unsigned round = 0; round < kRounds; ++round) {
      if (cpu == 0) {
        block = machine.allocator.alloc_pages(0, kGfpKernel | kGfpFlagMovable, order, node).value();
      }
      start.arrive_and_wait();
      const Freed freed = machine.allocator.free_pages(cpu, block, order);
      if (!freed.ok()) ++refused[cpu];
      start.arrive_and_wait();
    }
  };
  std::thread other(free_it, 1);
  free_it(0);
  other.join();
  EXPECT_EQ(refused[0] + refused[1], kRounds);
  machine.allocator.drain_all();
  const Result<> audited = audit(machine.allocator);
  EXPECT_TRUE(audited.ok()) << audited.error().what;
  EXPECT_EQ(machine.allocator.counts().allocated(), 0u);
}

TEST(Threads, OneBlockFreedByTwo) {
  for (const bool lists : {false, true}) {
    for (const unsigned order : {0u, 3u, 5u, 9u, 12u}) {
      for (NodeId node = 0; node < 2; ++node) race(order, node, lists);
    }
  }
}

TEST(Threads, TwoWithBootPageSets) { storm(2, false); }
TEST(Threads, TwoWithLists) { storm(2, true); }
TEST(Threads, EightWithBootPageSets) { storm(8, false); }
TEST(Threads, EightWithLists) { storm(8, true); }

}  // namespace
}  // namespace mm::test
