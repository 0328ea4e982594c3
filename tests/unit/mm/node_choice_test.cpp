// From which nodes memory comes: bound to some, in turn, and what goes home.
#include <gtest/gtest.h>

#include <vector>

#include "mm/audit.h"
#include "mm/page_alloc.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

constexpr Gfp kQuiet = kGfpKernel | kGfpFlagMovable | kGfpFlagNoWarn;

NodeSet set_of(std::initializer_list<NodeId> members) {
  NodeSet nodes;
  for (const NodeId node : members) nodes.set(node);
  return nodes;
}

// How often a zone's lock was taken.
struct Counting : OneCpu {
  struct Lock {
    void lock() { ++taken; }
    bool try_lock() {
      if (busy) return false;
      ++taken;
      return true;
    }
    void unlock() {}
  };
  static inline unsigned taken = 0;
  static inline bool busy = false;
};

// Four nodes of 32 MiB, the last without memory; CPU n is on node n.
class NodeChoice : public testing::Test {
 protected:
  NodeChoice()
      : machine({{{at(16 * kMiB, 48 * kMiB)}},
                 {{at(48 * kMiB, 80 * kMiB)}},
                 {{at(80 * kMiB, 112 * kMiB)}},
                 {}},
                4),
        a(machine.allocator) {
    EXPECT_TRUE(machine.ready.ok());
    EXPECT_TRUE(machine.release_all().ok());
    for (unsigned cpu = 1; cpu < 4; ++cpu) {
      EXPECT_TRUE(a.start_cpu(cpu, static_cast<NodeId>(cpu)).ok());
    }
    a.setup_watermarks();
    a.setup_per_cpu_pageset();
    Counting::busy = false;
  }
  ~NodeChoice() override {
    const Result<> result = audit(a);
    EXPECT_TRUE(result.ok()) << result.error().what << std::hex << " " << result.error().a;
  }
  [[nodiscard]] NodeId node_of(PagesOr block) const { return a.node_of(block.value())->id; }
  [[nodiscard]] NumaEvents events(NodeId node) const { return a.node_events(node); }
  PretendMachine<Counting> machine;
  PageAllocator<Counting>& a;
};

TEST_F(NodeChoice, BoundTakesTheNearestAndNeverAnother) {
  EXPECT_EQ(node_of(a.alloc_pages_bind(0, kQuiet, 0, set_of({0, 2}))), 0);
  EXPECT_EQ(node_of(a.alloc_pages_bind(2, kQuiet, 0, set_of({0, 2}))), 2);
  // Until both are full: then it fails, although node 1 has all its memory.
  std::array<uint64_t, 4> got{};
  PagesOr block;
  while ((block = a.alloc_pages_bind(0, kQuiet, 5, set_of({0, 2}))).ok()) ++got[node_of(block)];
  EXPECT_GT(got[0], 200u);
  EXPECT_EQ(got[1], 0u);
  EXPECT_GT(got[2], 200u);
  EXPECT_EQ(block.failure(), PagesOr::Failure::NodesFull);
  EXPECT_STREQ(block.error().what, "none of the nodes that are allowed has it");
  EXPECT_EQ(a.node_counts(1).free, a.node_counts(1).managed);
  EXPECT_TRUE(a.alloc_pages(0, kQuiet, 5, 0).ok());  // who is not bound goes on
}

TEST_F(NodeChoice, BoundCountsAHitOnTheNearestOfItsNodes) {
  (void)a.alloc_pages_bind(0, kQuiet, 0, set_of({1, 2}));
  EXPECT_EQ(events(1).hit, 1u);
  EXPECT_EQ(events(1).other, 1u);  // CPU 0 is on another node
  // Node 1 full: a miss on node 2, foreign to node 1.
  while (a.alloc_pages_bind(0, kQuiet, 9, set_of({1})).ok()) {
  }
  EXPECT_EQ(node_of(a.alloc_pages_bind(0, kQuiet, 9, set_of({1, 2}))), 2);
  EXPECT_EQ(events(2).miss, 1u);
  EXPECT_EQ(events(1).foreign, 1u);
}

TEST_F(NodeChoice, BoundRefusesWhatCannotBe) {
  const auto failure = [&](Gfp gfp, unsigned order, const NodeSet& nodes) {
    return a.alloc_pages_bind(0, gfp, order, nodes).failure();
  };
  EXPECT_EQ(failure(kQuiet, 0, {}), PagesOr::Failure::NoZone);
  EXPECT_EQ(failure(kQuiet, 0, set_of({3})), PagesOr::Failure::NoZone);  // has no memory
  EXPECT_EQ(failure(kQuiet, 0, set_of({4})), PagesOr::Failure::UnknownNode);
  EXPECT_EQ(failure(kQuiet | kGfpDma, 0, set_of({0})), PagesOr::Failure::NoZone);
  EXPECT_EQ(failure(kQuiet, kMaxOrder + 1, set_of({0})), PagesOr::Failure::OrderTooHigh);
}

TEST_F(NodeChoice, BoundFailureNamesTheNodes) {
  Text said;
  a.set_report(said.printer());
  while (a.alloc_pages_bind(0, kGfpKernel, 9, set_of({0, 2})).ok()) {
  }
  EXPECT_NE(said.text.find("nodemask=0,2,cpuset=/,mems_allowed=0-2\n"), std::string::npos)
      << said.text.substr(0, 200);
}

TEST_F(NodeChoice, InterleavedTakesTurns) {
  NodeId next = 0;
  std::vector<NodeId> from;
  for (unsigned i = 0; i < 6; ++i) {
    from.push_back(node_of(a.alloc_pages_interleave(1, kQuiet, 0, set_of({0, 2, 3}), next)));
  }
  EXPECT_EQ(from, (std::vector<NodeId>{0, 2, 0, 2, 0, 2}));  // node 3 has no memory
  EXPECT_EQ(events(0).interleave, 3u);
  EXPECT_EQ(events(2).interleave, 3u);
  EXPECT_EQ(events(0).hit, 3u);
  // A full node's turn goes to another, which is no hit of an interleave.
  while (a.alloc_pages_bind(1, kQuiet, 9, set_of({0})).ok()) {
  }
  next = 0;
  EXPECT_NE(node_of(a.alloc_pages_interleave(1, kQuiet, 9, set_of({0, 2}), next)), 0);
  EXPECT_EQ(events(0).interleave + events(1).interleave + events(2).interleave, 6u);
  EXPECT_EQ(a.alloc_pages_interleave(1, kQuiet, 0, {}, next).failure(), PagesOr::Failure::NoZone);
  EXPECT_EQ(a.alloc_pages_interleave(1, kQuiet, 0, set_of({9}), next).failure(),
            PagesOr::Failure::UnknownNode);
  EXPECT_EQ(
      a.alloc_pages_interleave(1, kQuiet | kGfpFlagReclaimable, 0, set_of({0}), next).failure(),
      PagesOr::Failure::GfpTypes);
}

TEST_F(NodeChoice, RemoteFreesGoHomeInBatches) {
  std::vector<Pfn> pages;
  for (unsigned i = 0; i < 4000; ++i) pages.push_back(a.alloc_pages(1, kQuiet, 0, 1).value());
  a.drain(1);
  const uint64_t free = a.node_counts(1).free;
  Counting::taken = 0;
  for (const Pfn pfn : pages) ASSERT_TRUE(a.free_pages(0, pfn, 0).ok());
  // Of 4000 frees none takes a lock but those that find the list full.
  const auto batch = static_cast<unsigned>(a.pcp(0, a.node(1).zones[ZoneType::Dma32]).batch);
  EXPECT_LE(Counting::taken, 4000 / batch);
  EXPECT_GT(a.node_counts(1).free, free);
  EXPECT_GT(a.node_counts(1).on_cpu_lists, 0u);
  // What is left of them, CPU 0 takes home before it rests; its own node's it keeps.
  ASSERT_TRUE(a.free_pages(0, a.alloc_pages(0, kQuiet, 0, 0).value(), 0).ok());
  const uint64_t own = a.node_counts(0).on_cpu_lists;
  EXPECT_GT(own, 0u);
  a.drain_remote(0);
  EXPECT_EQ(a.node_counts(1).on_cpu_lists, 0u);
  EXPECT_EQ(a.node_counts(1).free, free + 4000);
  EXPECT_EQ(a.node_counts(0).on_cpu_lists, own);
}

TEST_F(NodeChoice, TriedAllocationsWaitForNoLock) {
  const PagesOr block = a.try_alloc_pages(0, kQuiet | kGfpFlagZero, 3, 0);
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(node_of(block), 0);
  EXPECT_EQ(*machine.map().at<uint64_t>(phys(block.value() + 7)), 0u);
  EXPECT_EQ(a.node_counts(0).on_cpu_lists, 0u);  // the CPU's lists are left alone
  Counting::busy = true;
  EXPECT_EQ(a.try_alloc_pages(0, kQuiet, 0, 0).failure(), PagesOr::Failure::NoMemory);
  EXPECT_EQ(a.try_alloc_pages(0, kQuiet, 0, 7).failure(), PagesOr::Failure::UnknownNode);
  // The free is done all the same; the block waits for whoever has the lock next.
  const uint64_t free = a.counts().free;
  ASSERT_TRUE(a.try_free_pages(0, block.value(), 3).ok());
  EXPECT_EQ(a.counts().free, free);
  EXPECT_EQ(a.counts().on_cpu_lists, 8u);
  EXPECT_EQ(a.counts().allocated(), 0u);
  EXPECT_EQ(a.owner_of(block.value()).use, FrameUse::OnCpuList);
  EXPECT_FALSE(a.try_free_pages(0, block.value(), 3).ok());
  EXPECT_TRUE(audit(a).ok());
  Counting::busy = false;
  const PagesOr large = a.alloc_pages(0, kQuiet, 12, 0);
  ASSERT_TRUE(large.ok());
  EXPECT_EQ(a.counts().on_cpu_lists, 0u);
  EXPECT_EQ(a.counts().allocated(), 4096u);
  ASSERT_TRUE(a.try_free_pages(0, large.value(), 12).ok());
  EXPECT_EQ(a.counts().allocated(), 0u);
}

TEST_F(NodeChoice, TriedFreesThatWaitAreDrained) {
  const PagesOr one = a.alloc_pages(0, kQuiet, 0, 0);
  const PagesOr two = a.alloc_pages(0, kQuiet, 9, 0);
  a.drain(0);
  Counting::busy = true;
  ASSERT_TRUE(a.try_free_pages(0, one.value(), 0).ok());
  ASSERT_TRUE(a.try_free_pages(0, two.value(), 9).ok());
  EXPECT_EQ(a.counts().on_cpu_lists, 513u);
  a.drain(2);
  EXPECT_EQ(a.counts().on_cpu_lists, 0u);
  EXPECT_EQ(a.counts().free, a.counts().managed);
}

TEST_F(NodeChoice, TriedFreesRefuseWhatFreesRefuse) {
  const Pfn block = a.alloc_pages(0, kQuiet, 2, 0).value();
  EXPECT_FALSE(a.try_free_pages(0, block, 1).ok());
  EXPECT_FALSE(a.try_free_pages(0, block + 1, 0).ok());
  EXPECT_FALSE(a.try_free_pages(0, Pfn{1}, 0).ok());
  ASSERT_TRUE(a.get_page(0, block).ok());
  EXPECT_TRUE(a.try_free_pages(0, block, 2).ok());  // one of two references
  EXPECT_EQ(a.owner_of(block).references, 1u);
  EXPECT_TRUE(a.try_free_pages(0, block, 2).ok());
  EXPECT_FALSE(a.try_free_pages(0, block, 2).ok());
}

}  // namespace
}  // namespace mm::test
