#include "kernel/selftest/selftest_mm.h"

#include "kernel/selftest/zone_probe.h"
#include "mm/audit.h"

namespace kernel {
namespace {

using mm::FreeBlock;
using mm::Node;
using mm::NodeId;
using mm::Pfn;
using mm::Zone;

// Takes blocks of this order that a request for the zone can get, `most` at the most. When the zone
// falls below a watermark the zones below it serve, too. How many frames came from the zone itself.
uint64_t take(Pages& pages, const Node& node, const Zone& zone, unsigned order, uint64_t most,
              Chain& chain) {
  uint64_t frames = 0;
  for (uint64_t taken = 0; taken < most; ++taken) {
    const mm::PagesOr block = pages.alloc_pages(kBootCpu, only(zone.type), order, node.id);
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
    const uint64_t giga = zone.free_area[mm::kMaxOrder].nr_free;
    if (exhaustive || giga <= kFewGiga) {
      blocks.fill(kAll);
      return;
    }
    for (unsigned order = 0; order < mm::kMaxOrder; ++order) {
      blocks[order] = zone.free_area[order].nr_free;
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
  *map.at<uint64_t>(start) = value;
  *map.at<uint64_t>(start + mm::frames_of(block.order) * mm::kPageSize - 8) = value;
}
bool is_marked(const mm::DirectMap& map, const Block& block, uint64_t value) {
  const mm::Phys start = mm::phys(block.pfn);
  return *map.at<uint64_t>(start) == value &&
         *map.at<uint64_t>(start + mm::frames_of(block.order) * mm::kPageSize - 8) == value;
}

}  // namespace

Verdict test_free_is_free(Booted& machine) {
  Pages& pages = machine.relay.pages();
  pages.drain_all();
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
                           mm::zone_name(zone.type), frames, counts.free);
    }
    if (counts.managed > counts.present || counts.present > counts.spanned) {
      return Verdict::fail("node {} zone {}: managed {}, present {}, spanned {}", node.id,
                           mm::zone_name(zone.type), counts.managed, counts.present,
                           counts.spanned);
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
          mm::zone_name(zone.type), bad->v);
    }
    if (left != demand.left || taken + left != free) {
      return Verdict::fail("node {} zone {}: {} pages were free, {} allocated, {} left", node.id,
                           mm::zone_name(zone.type), free, taken, left);
    }
    const FreeSet after = free_set(pages);
    if (after == before) return Verdict::pass();
    return Verdict::fail("node {} zone {}: {} blocks of {} pages became {} of {}", node.id,
                         mm::zone_name(zone.type), before.blocks, before.frames, after.blocks,
                         after.frames);
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
      const mm::PagesOr got = pages.alloc_pages(kBootCpu, only(zone.type), order, node.id);
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
        if (pages.free_pages(kBootCpu, window[i].pfn, window[i].order)) continue;
        verdict = Verdict::fail("free of order {} at frame {} was refused", window[i].order,
                                window[i].pfn);
      }
    }
    if (!verdict.passed()) return verdict;
    if (count == 0) return Verdict::fail("zone {} gave nothing", mm::zone_name(zone.type));
    if (free_set(pages) == before) return Verdict::pass();
    return Verdict::fail("node {} zone {}: free memory did not merge again", node.id,
                         mm::zone_name(zone.type));
  });
}

Verdict test_node_local(Booted& machine) {
  constexpr uint64_t kPlenty = 4096;  // pages above all watermarks of any node
  Pages& pages = machine.relay.pages();
  size_t nodes = 0;
  for (size_t id = 0; id < pages.node_count(); ++id) {
    const auto node = static_cast<NodeId>(id);
    if (pages.node_counts(node).free < kPlenty) continue;
    ++nodes;
    for (const unsigned order : {0U, 3U, 9U}) {
      const mm::PagesOr block =
          pages.alloc_pages(kBootCpu, mm::kGfpHighUserMovable | mm::kGfpFlagNoWarn, order, node);
      if (!block) return Verdict::fail("node {} gave no block of order {}", node, order);
      const Node* home = pages.node_of(block.value());
      const NodeId from = home == nullptr ? mm::kNoNode : home->id;
      if (!pages.free_pages(kBootCpu, block.value(), order)) {
        return Verdict::fail("free at frame {} was refused", block.value());
      }
      if (from != node) {
        return Verdict::fail("asked node {}, frame {} came from node {}", node, block.value(),
                             from);
      }
    }
  }
  pages.drain_all();
  return nodes == 0 ? Verdict::skip("no node has memory to spare") : Verdict::pass();
}

Verdict test_node_fallback(Booted& machine) {
  Pages& pages = machine.relay.pages();
  size_t without = 0;
  for (const mm::NodeLayout& layout : pages.layout().nodes) {
    if (layout.present != 0) continue;
    ++without;
    NodeId expected = mm::kNoNode;
    for (uint16_t i = 0; i < layout.fallback_count && expected == mm::kNoNode; ++i) {
      if (pages.layout().nodes[layout.fallback[i]].present != 0) expected = layout.fallback[i];
    }
    const mm::PagesOr block =
        pages.alloc_pages(kBootCpu, mm::kGfpKernel | mm::kGfpFlagMovable, 0, layout.id);
    if (!block) return Verdict::fail("node {}, which has no memory, gave no page", layout.id);
    const Node* home = pages.node_of(block.value());
    const NodeId from = home == nullptr ? mm::kNoNode : home->id;
    if (!pages.free_pages(kBootCpu, block.value(), 0)) {
      return Verdict::fail("free at frame {} was refused", block.value());
    }
    if (from != expected) {
      return Verdict::fail("node {} was served by node {}, nearest is {}", layout.id, from,
                           expected);
    }
  }
  pages.drain_all();
  return without == 0 ? Verdict::skip("every node has memory") : Verdict::pass();
}

Verdict test_wrong_frees(Booted& machine) {
  Pages& pages = machine.relay.pages();
  const FreeSet before = free_set(pages);
  const mm::PagesOr block =
      pages.alloc_pages(kBootCpu, mm::kGfpHighUserMovable | mm::kGfpFlagNoWarn, 1, 0);
  if (!block) return Verdict::fail("no block of order 1");
  const Pfn pfn = block.value();
  const Pfn text{machine.kept.segments()[0].physical >> mm::kPageShift};
  struct Wrong {
    const char* what;
    Pfn pfn;
    unsigned order;
  };
  const Wrong wrongs[] = {
      {"another order", pfn, 0},
      {"the inside of a block", pfn + 1, 0},
      {"an unaligned frame", pfn + 1, 1},
      {"an order beyond the largest", pfn, mm::kOrders},
      {"the kernel's text", text, 0},
      {"a frame beyond all memory", mm::pfn_down(mm::Phys{mm::kMaxPhys}) - 1, 0},
  };
  for (const Wrong& wrong : wrongs) {
    if (pages.free_pages(kBootCpu, wrong.pfn, wrong.order)) {
      return Verdict::fail("freeing {} was accepted", wrong.what);
    }
  }
  if (!pages.free_pages(kBootCpu, pfn, 1)) return Verdict::fail("the right free was refused");
  if (pages.free_pages(kBootCpu, pfn, 1)) return Verdict::fail("a double free was accepted");
  if (free_set(pages) != before) return Verdict::fail("free memory is not what it was");
  return Verdict::pass();
}

}  // namespace kernel
