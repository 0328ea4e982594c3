// The page allocator on this machine: what is free, and that all of it can be had. Each test here
// and in the two files beside it leaves free memory as it found it.
#include "kernel/selftest/zone_probe.h"
#include "kernel/smp/drain.h"
#include "mm/audit.h"

namespace kernel {
namespace {

using enum loader::Severity;
using mm::FreeBlock;
using mm::Node;
using mm::Pfn;
using mm::Zone;

// Takes blocks of this order that a request for the zone can get, `most` at the most. When the zone
// falls below a watermark the zones below it serve, too. How many frames came from the zone itself.
uint64_t take(Pages& pages, const Node& node, const Zone& zone, unsigned order, uint64_t most,
              Chain& chain) {
  uint64_t frames = 0;
  for (uint64_t taken = 0; taken < most; ++taken) {
    const mm::PagesOr block = pages.alloc_pages(arch::this_cpu(), only(zone.type), order, node.id);
    if (!block) break;
    if (is_of(pages, zone, block.value())) frames += mm::frames_of(order);
    chain.push(block.value(), order);
  }
  return frames;
}

// Blocks of 1 GiB that a test takes of one zone unless it is to be exhaustive: each touches memory
// that nothing has touched before, and there may be thousands.
constexpr uint64_t kFewGiga = 8;
constexpr uint64_t kAll = ~uint64_t{0};

// What a zone has free, order by order; of blocks of the largest order only some, where it has
// many. What is left over is then whole blocks of the largest order.
struct Demand {
  std::array<uint64_t, mm::kOrders> blocks{};
  uint64_t left = 0;  // frames that shall remain

  Demand(const Zone& zone, bool exhaustive) {
    const mm::BlockCounts counts = mm::count_free_blocks(zone);
    const uint64_t giga = counts.total(mm::kMaxOrder);
    if (exhaustive || giga <= kFewGiga) {
      blocks.fill(kAll);
      return;
    }
    for (unsigned order = 0; order < mm::kMaxOrder; ++order) {
      blocks[order] = counts.total(order);
    }
    blocks[mm::kMaxOrder] = kFewGiga;
    left = (giga - kFewGiga) * mm::frames_of(mm::kMaxOrder);
  }
};

struct Block {
  Pfn pfn;
  unsigned order = 0;
};
constexpr size_t kWindow = 1024;
constinit std::array<Block, kWindow> window;

// Marks that show whether two blocks share a frame: the block's number at its first and last word.
void mark(const mm::DirectMap& map, const Block& block, uint64_t value) {
  const mm::Phys start = mm::phys(block.pfn);
  *arch::reach<uint64_t>(map, start) = value;
  *arch::reach<uint64_t>(map, start + mm::frames_of(block.order) * mm::kPageSize - 8) = value;
}
bool is_marked(const mm::DirectMap& map, const Block& block, uint64_t value) {
  const mm::Phys start = mm::phys(block.pfn);
  const mm::Phys last = start + mm::frames_of(block.order) * mm::kPageSize - 8;
  return *arch::reach<uint64_t>(map, start) == value && *arch::reach<uint64_t>(map, last) == value;
}

Verdict test_free_is_free(Booted& machine) {
  Pages& pages = machine.relay.pages();
  drain_everywhere(pages);
  Verdict verdict = Verdict::pass();
  pages.for_each_free_block([&](const FreeBlock& b) {
    const mm::Range range = mm::phys(mm::PfnRange{b.pfn, b.pfn + mm::frames_of(b.order)});
    if (!machine.relay.e820().all(range, mm::E820Type::Ram)) {
      verdict = Verdict::fail("free block at {}, order {}: not all of it is usable RAM",
                              range.start, b.order);
    } else if (const auto* r = machine.relay.reservations().overlapping(range); r != nullptr) {
      verdict = Verdict::fail("free block at {}, order {}: reserved as {}", range.start, b.order,
                              r->name);
    }
    return verdict.passed();
  });
  return verdict;
}

Verdict test_counts(Booted& machine) {
  Pages& pages = machine.relay.pages();
  return for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    uint64_t frames = 0;
    pages.for_each_free_block([&](const FreeBlock& b) {
      if (b.node == node.id && b.zone == zone.type) frames += mm::frames_of(b.order);
      return true;
    });
    const mm::ZoneCounts counts = pages.zone_counts(node.id, zone.type);
    if (frames != counts.free) {
      return Verdict::fail("node {} zone {}: blocks hold {} pages, the counter says {}", node.id,
                           zone.type, frames, counts.free);
    }
    if (counts.managed > counts.present || counts.present > counts.spanned) {
      return Verdict::fail("node {} zone {}: managed {}, present {}, spanned {}", node.id,
                           zone.type, counts.managed, counts.present, counts.spanned);
    }
    return Verdict::pass();
  });
}

Verdict test_audit(Booted& machine) {
  const mm::Result<> sound = mm::audit(machine.relay.pages());
  if (sound.ok()) return Verdict::pass();
  const mm::Error& e = sound.error();
  return Verdict::fail("{}", e);
}

Verdict test_largest_blocks(Booted& machine) {
  Pages& pages = machine.relay.pages();
  return for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    const FreeSet before = free_set(pages);
    const uint64_t free = pages.zone_counts(node.id, zone.type).free;
    Chain chain(machine.relay.map());
    const Demand demand(zone, machine.exhaustive);
    uint64_t taken = 0;
    for (unsigned order = mm::kOrders; order-- > 0;) {
      taken += take(pages, node, zone, order, demand.blocks[order], chain);
    }
    const mm::ZoneCounts counts = pages.zone_counts(node.id, zone.type);
    const uint64_t left = counts.free + counts.on_cpu_lists;
    if (const auto bad = chain.free_all(pages)) {
      return Verdict::fail(
          "node {} zone {}: block at frame {:#x} was overwritten or not taken back", node.id,
          zone.type, bad->v);
    }
    if (left != demand.left || taken + left != free) {
      return Verdict::fail("node {} zone {}: {} pages were free, {} allocated, {} left", node.id,
                           zone.type, free, taken, left);
    }
    const FreeSet after = free_set(pages);
    if (after == before) return Verdict::pass();
    return Verdict::fail("node {} zone {}: {} blocks of {} pages became {} of {}", node.id,
                         zone.type, before.blocks, before.frames, after.blocks, after.frames);
  });
}

Verdict test_small_orders(Booted& machine) {
  constexpr unsigned kLargestOfWindow = 10;
  Pages& pages = machine.relay.pages();
  return for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    const FreeSet before = free_set(pages);
    size_t count = 0;
    for (size_t i = 0; i < kWindow; ++i) {
      // Mostly single pages, and now and then each larger order.
      const unsigned order = i % 8 != 0 ? 0 : static_cast<unsigned>(i / 8) % (kLargestOfWindow + 1);
      const mm::PagesOr got = pages.alloc_pages(arch::this_cpu(), only(zone.type), order, node.id);
      if (!got) continue;
      window[count] = {got.value(), order};
      mark(machine.relay.map(), window[count], mix(count));
      ++count;
    }
    Verdict verdict = Verdict::pass();
    for (size_t i = 0; i < count; ++i) {
      if (!is_marked(machine.relay.map(), window[i], mix(i))) {
        verdict = Verdict::fail("block of order {} at frame {} shares memory with another",
                                window[i].order, window[i].pfn);
      }
    }
    // Even ones first, then odd ones: neighbours come back one by one.
    for (size_t start = 0; start < 2; ++start) {
      for (size_t i = start; i < count; i += 2) {
        if (pages.free_pages(arch::this_cpu(), window[i].pfn, window[i].order)) continue;
        verdict = Verdict::fail("free of order {} at frame {} was refused", window[i].order,
                                window[i].pfn);
      }
    }
    if (!verdict.passed()) return verdict;
    if (count == 0) return Verdict::fail("zone {} gave nothing", zone.type);
    if (free_set(pages) == before) return Verdict::pass();
    return Verdict::fail("node {} zone {}: free memory did not merge again", node.id, zone.type);
  });
}

constexpr KernelTest kTests[] = {
    {{"mm.buddy.reserved", "no free block holds a byte that is reserved or no RAM", Critical,
      "mm/early_res.h: what is reserved is never handed out", kOurs},
     test_free_is_free},
    {{"mm.buddy.counts", "free_area, counters and managed pages agree", High, "mm/page_alloc.h",
      kOurs},
     test_counts},
    {{"mm.buddy.audit", "every structure of the allocator agrees with every other", Critical,
      "mm/audit.h", kOurs},
     test_audit},
    {{"mm.zones.largest", "each zone allocates to empty in the largest blocks and returns",
      Critical, "mm/page_alloc.h: alloc_pages, free_pages", kOurs},
     test_largest_blocks},
    {{"mm.zones.small", "small orders, interleaved, do not overlap and merge again", Critical,
      "mm/buddy.h: split and merge", kOurs},
     test_small_orders},
};

}  // namespace

std::span<const KernelTest> buddy_tests() { return kTests; }

}  // namespace kernel
