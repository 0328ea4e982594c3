// What the allocator's self-tests share: free memory as one value, requests that one zone serves,
// and long lists of blocks that cost no memory of their own.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/booted.h"
#include "kernel/highmem.h"
#include "kernel/selftest/selftest.h"
#include "mm/page_alloc.h"

namespace kernel {

using Pages = mm::PageAllocator<Policy>;

[[nodiscard]] uint64_t mix(uint64_t v);

// What is free, as a set: equal sets have equal sums, whatever order lists are in. A pageblock's
// migratetype may change when its memory is used, so it does not count.
struct FreeSet {
  uint64_t blocks = 0, frames = 0, sum = 0;
  friend bool operator==(const FreeSet&, const FreeSet&) = default;
};
// Drains the CPUs' lists first.
[[nodiscard]] FreeSet free_set(Pages& pages);

// A request, of movable memory, that this zone of the node is the first to serve, to its last page.
[[nodiscard]] mm::Gfp only(mm::ZoneType zone);

// Whether an allocated block is of the zone: what two zones span may lie mixed.
[[nodiscard]] bool is_of(const Pages& pages, const mm::Zone& zone, mm::Pfn block);

// Calls test(node, zone) for every zone with memory, until one does not pass.
template <class Test>
Verdict for_each_zone(Pages& pages, Test test) {
  for (size_t id = 0; id < pages.node_count(); ++id) {
    const mm::Node& node = pages.node(static_cast<mm::NodeId>(id));
    for (const mm::Zone& zone : node.zones) {
      if (zone.managed == 0) continue;
      const Verdict verdict = test(node, zone);
      if (!verdict.passed()) return verdict;
    }
  }
  return Verdict::pass();
}

// Allocated blocks in a row, each holding the place of the one before it in its first bytes.
class Chain {
 public:
  explicit Chain(const mm::DirectMap& map) : map_(map) {}

  void push(mm::Pfn pfn, unsigned order) {
    *link(pfn) = {last_, last_order_, pfn.v};
    last_ = pfn.v;
    last_order_ = order;
  }
  // Frees all; the frame whose link was not what was written, or whose free was refused.
  std::optional<mm::Pfn> free_all(Pages& pages) {
    while (last_ != kNone) {
      const mm::Pfn pfn{last_};
      const Link before = *link(pfn);
      if (before.self != pfn.v) return pfn;
      if (!pages.free_pages(arch::this_cpu(), pfn, last_order_)) return pfn;
      last_ = before.pfn;
      last_order_ = static_cast<unsigned>(before.order);
    }
    return std::nullopt;
  }
  // Calls visit(pfn, order) for each, the newest first, until it returns false or a link is not
  // what was written.
  template <class Visit>
  void for_each(Visit visit) const {
    uint64_t at = last_;
    unsigned order = last_order_;
    while (at != kNone) {
      const Link before = *link(mm::Pfn{at});
      if (before.self != at || !visit(mm::Pfn{at}, order)) return;
      at = before.pfn;
      order = static_cast<unsigned>(before.order);
    }
  }

 private:
  struct Link {
    uint64_t pfn, order, self;
  };
  static constexpr uint64_t kNone = ~uint64_t{0};

  [[nodiscard]] Link* link(mm::Pfn pfn) const { return arch::reach<Link>(map_, mm::phys(pfn)); }

  mm::DirectMap map_;
  uint64_t last_ = kNone;
  unsigned last_order_ = 0;
};

}  // namespace kernel
