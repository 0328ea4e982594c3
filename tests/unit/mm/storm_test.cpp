// Storms of allocations and frees on machines of odd shapes, against a model of one byte a frame.
// A failing seed is named; BATON_SEED=n runs only that one, BATON_SEEDS=n so many.
#include <gtest/gtest.h>

#include <cstdlib>

#include "mm/audit.h"
#include "tests/unit/frame_model.h"
#include "tests/unit/pretend_machine.h"

namespace mm::test {
namespace {

struct Held {
  Pfn pfn;
  unsigned order;
  uint64_t count;  // frames; not a power of two for exact and contiguous ones
  enum Kind : uint8_t { Block, Exact, Contig } kind;
};

class Storm {
 public:
  // With `lists` the CPUs have real lists; without, everything must come from where the model says.
  Storm(uint64_t seed, bool lists)
      : shape_(seed),
        lists_(lists),
        machine_(shape_.nodes, lists ? 3 : 1, seed, shape_.limits),
        model_(machine_.layout()) {}

  void run(unsigned operations) {
    ASSERT_TRUE(machine_.ready.ok()) << machine_.ready.error().what;
    hand_over();
    if (testing::Test::HasFatalFailure()) return;
    if (lists_) {
      machine_.allocator.setup_per_cpu_pageset();
      for (unsigned cpu = 1; cpu < 3; ++cpu) {
        ASSERT_TRUE(machine_.allocator.start_cpu(cpu, 0).ok());
      }
    }
    compare();
    for (unsigned i = 0; i < operations && !testing::Test::HasFatalFailure(); ++i) {
      step();
      if (i % 97 == 0) check_audit();
      if (i % 397 == 0) compare();
    }
    while (!held_.empty() && !testing::Test::HasFatalFailure()) free_one();
    late_release();
    compare();
  }

 private:
  uint64_t random(uint64_t below) { return shape_.random() % below; }
  unsigned cpu() { return lists_ ? static_cast<unsigned>(random(3)) : 0; }

  void hand_over() {
    // The model first: it knows which frames no reservation has.
    for (const ActiveRange& range : machine_.layout().active) {
      Pfn from = range.pfns.start;
      for (const PfnRange& hole : shape_.reserved) {
        const PfnRange part = hole.clip(range.pfns);
        if (part.empty()) continue;
        if (from < part.start) model_.release({from, part.start});
        from = part.end;
      }
      if (from < range.pfns.end) model_.release({from, range.pfns.end});
    }
    const Result<> result = machine_.release_all(shape_.reserved);
    ASSERT_TRUE(result.ok()) << result.error().what << std::hex << " " << result.error().a;
  }

  // Reservations that end after the storm.
  void late_release() {
    for (const PfnRange& range : shape_.reserved) {
      const Result<> result = machine_.allocator.release(range);
      ASSERT_TRUE(result.ok()) << result.error().what << std::hex << " " << result.error().a;
      model_.release(range);
    }
  }

  void step() {
    const uint64_t dice = random(100);
    if (dice < 48) return alloc_one();
    if (dice < 90) return free_one();
    if (dice < 93) return alloc_exact();
    if (dice < 95) return alloc_contig();
    if (dice < 98) return wrong_free();
    if (lists_) machine_.allocator.drain(cpu());
  }

  Gfp some_gfp() {
    constexpr std::array kZones{Gfp{}, kGfpDma, kGfpDma32, kGfpFlagHighMem};
    constexpr std::array kTypes{Gfp{}, kGfpFlagMovable, kGfpFlagReclaimable};
    Gfp gfp = kGfpNoWait | kGfpFlagNoWarn | kZones[random(4)] | kTypes[random(3)];
    if (random(8) == 0) gfp = gfp | kGfpFlagThisNode;
    return gfp;
  }

  void alloc_one() {
    const Gfp gfp = some_gfp();
    const auto order = static_cast<unsigned>(random(3) != 0 ? random(4) : random(13));
    const auto node = static_cast<NodeId>(random(machine_.layout().nodes.size()));
    PagesOr got = machine_.allocator.alloc_pages(cpu(), gfp, order, node);
    if (!got.ok() && lists_) {
      // Others' lists may hold what was missing.
      machine_.allocator.drain_all();
      got = machine_.allocator.alloc_pages(0, gfp, order, node);
    }
    const NodeLayout& layout = machine_.layout().nodes[node];
    if (!got.ok()) {
      ASSERT_TRUE(got.failure() == PagesOr::Failure::NoMemory ||
                  got.failure() == PagesOr::Failure::NoZone);
      for (unsigned i = 0; i < layout.fallback_count; ++i) {
        if (gfp.has(kGfpFlagThisNode) && layout.fallback[i] != node) continue;
        for (size_t zone = 0; zone <= static_cast<size_t>(gfp_zone(gfp)); ++zone) {
          ASSERT_FALSE(model_.has_block(layout.fallback[i], static_cast<ZoneType>(zone), order));
        }
      }
      return;
    }
    const Pfn pfn = got.value();
    ASSERT_EQ(pfn.v % frames_of(order), 0u);
    ASSERT_TRUE(model_.free_block(pfn, frames_of(order)));
    ASSERT_LE(model_.zone(pfn), gfp_zone(gfp));
    ASSERT_TRUE(!gfp.has(kGfpFlagThisNode) || model_.node(pfn) == node);
    if (!lists_) came_from_first_possible(pfn, gfp, order, layout);
    model_.allocated(pfn, frames_of(order));
    held_.push_back({pfn, order, frames_of(order), Held::Block});
  }

  void came_from_first_possible(Pfn pfn, Gfp gfp, unsigned order, const NodeLayout& layout) {
    for (unsigned i = 0; i < layout.fallback_count; ++i) {
      for (size_t zone = kZoneTypes; zone-- > 0;) {
        const auto type = static_cast<ZoneType>(zone);
        if (type > gfp_zone(gfp)) continue;
        if (model_.node(pfn) == layout.fallback[i] && model_.zone(pfn) == type) return;
        ASSERT_FALSE(model_.has_block(layout.fallback[i], type, order))
            << "an earlier zone had one: node " << layout.fallback[i] << " " << zone_name(type);
      }
    }
    FAIL() << "from a zone that is not in the zonelist";
  }

  void alloc_exact() {
    const uint64_t count = 1 + random(3000);
    const auto node = static_cast<NodeId>(random(machine_.layout().nodes.size()));
    const PagesOr got = machine_.allocator.alloc_pages_exact(cpu(), some_gfp(), count, node);
    if (!got.ok()) return;
    ASSERT_TRUE(model_.free_block(got.value(), count));
    model_.allocated(got.value(), count);
    held_.push_back({got.value(), 0, count, Held::Exact});
  }

  void alloc_contig() {
    const uint64_t count = 1 + random(2000);
    Pfn pfn;
    if (random(2) == 0) {
      pfn = {random(model_.size())};
      const bool possible = model_.free_block(pfn, count);
      machine_.allocator.drain_all();
      const Result<> result = machine_.allocator.alloc_contig_range(0, {pfn, pfn + count});
      ASSERT_EQ(result.ok(), possible) << std::hex << pfn.v << " " << count;
      if (!possible) return;
    } else {
      const uint64_t align = uint64_t{1} << random(11);
      const auto node = static_cast<NodeId>(random(machine_.layout().nodes.size()));
      machine_.allocator.drain_all();
      const PagesOr got = machine_.allocator.alloc_contig_pages(0, some_gfp(), count, align, node);
      if (!got.ok()) return;
      pfn = got.value();
      ASSERT_EQ(pfn.v % align, 0u);
      ASSERT_TRUE(model_.free_block(pfn, count));
    }
    model_.allocated(pfn, count);
    held_.push_back({pfn, 0, count, Held::Contig});
  }

  void free_one() {
    if (held_.empty()) return;
    const size_t index = random(held_.size());
    const Held held = held_[index];
    held_[index] = held_.back();
    held_.pop_back();
    const PfnRange frames{held.pfn, held.pfn + held.count};
    const Freed freed = held.kind == Held::Block
                            ? machine_.allocator.free_pages(cpu(), held.pfn, held.order)
                        : held.kind == Held::Exact
                            ? machine_.allocator.free_pages_exact(cpu(), held.pfn, held.count)
                            : machine_.allocator.free_contig_range(cpu(), frames);
    ASSERT_TRUE(freed.ok()) << freed.error().what << std::hex << " " << freed.error().a;
    model_.freed(held.pfn, held.count);
  }

  // What nobody may free is refused, and nothing changes by it.
  void wrong_free() {
    const Pfn pfn{random(model_.size() + 1000)};
    const auto order = static_cast<unsigned>(random(20));
    for (const Held& held : held_) {
      if (held.pfn <= pfn && pfn < held.pfn + held.count) return;  // might be right
    }
    ASSERT_FALSE(machine_.allocator.free_pages(cpu(), pfn, order).ok());
  }

  void check_audit() {
    const Result<> result = audit(machine_.allocator);
    ASSERT_TRUE(result.ok()) << result.error().what << ": " << result.error().subject << std::hex
                             << " 0x" << result.error().a << " 0x" << result.error().b;
  }

  void compare() {
    machine_.allocator.drain_all();
    check_audit();
    ASSERT_EQ(without_types(free_blocks(machine_.allocator)), model_.blocks());
    uint64_t allocated = 0;
    for (const Held& held : held_) allocated += held.count;
    ASSERT_EQ(machine_.allocator.counts().allocated(), allocated);
    // Whom frames belong to.
    for (unsigned i = 0; i < 200; ++i) {
      const Pfn pfn{random(model_.size() + 1000)};
      const FrameOwner owner = machine_.allocator.owner_of(pfn);
      switch (model_.use(pfn)) {
        case FrameModel::kFree:
          ASSERT_EQ(owner.use, FrameUse::Free);
          break;
        case FrameModel::kAllocated:
          ASSERT_EQ(owner.use, FrameUse::Allocated);
          break;
        case FrameModel::kOutside:
          ASSERT_EQ(owner.use, machine_.allocator.is_ram(pfn)               ? FrameUse::Reserved
                               : machine_.allocator.node_of(pfn) != nullptr ? FrameUse::Hole
                                                                            : FrameUse::NoNode);
      }
    }
  }

  RandomMachine shape_;
  bool lists_;
  PretendMachine<> machine_;
  FrameModel model_;
  std::vector<Held> held_;
};

void storms(bool lists, unsigned operations) {
  const char* one = std::getenv("BATON_SEED");
  const char* many = std::getenv("BATON_SEEDS");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 0) : 1;
  const uint64_t count = one != nullptr    ? 1
                         : many != nullptr ? std::strtoull(many, nullptr, 0)
                                           : 25;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("BATON_SEED=" + std::to_string(seed));
    Storm(seed, lists).run(operations);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Storm, EveryAnswerIsTheModels) { storms(false, 800); }
TEST(Storm, WithPerCpuLists) { storms(true, 1500); }

}  // namespace
}  // namespace mm::test
