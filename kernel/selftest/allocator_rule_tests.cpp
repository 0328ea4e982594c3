// What the page allocator promises of orders, migratetypes, watermarks and CPUs' lists, tried out
// zone by zone, and both roads to it walked once more. Costs by the regions of the machine, unless
// all is asked for (`selftest=full`).
#include <algorithm>
#include <bit>

#include "kernel/selftest/zone_probe.h"
#include "kernel/smp/drain.h"
#include "mm/roads.h"

namespace kernel {
namespace {

using enum loader::Severity;
using mm::FreeBlock;
using mm::Gfp;
using mm::Migratetype;
using mm::Node;
using mm::NodeId;
using mm::Pfn;
using mm::PfnRange;
using mm::Zone;
using mm::ZoneType;

// Blocks that a test holds for a moment; nothing is written to their memory.
class Held {
 public:
  static constexpr size_t kRoom = 1024;

  [[nodiscard]] bool full() const { return count_ == kRoom; }
  [[nodiscard]] size_t count() const { return count_; }
  void add(Pfn pfn, unsigned order) { blocks_[count_++] = {pfn, order}; }
  // Frees all. Whether every free was taken.
  bool free_all(Pages& pages) {
    bool taken = true;
    for (; count_ != 0; --count_) {
      const Block& block = blocks_[count_ - 1];
      taken = pages.free_pages(arch::this_cpu(), block.pfn, block.order).ok() && taken;
    }
    return taken;
  }

 private:
  struct Block {
    Pfn pfn;
    unsigned order = 0;
  };
  std::array<Block, kRoom> blocks_{};
  size_t count_ = 0;
};
constinit Held held;

// A block of the zone, asked for by `gfp`; where another zone of the node served, it gets its block
// back.
std::optional<Pfn> take_one(Pages& pages, const Node& node, const Zone& zone, Gfp gfp,
                            unsigned order) {
  const mm::PagesOr block = pages.alloc_pages(arch::this_cpu(), gfp, order, node.id);
  if (!block) return std::nullopt;
  if (is_of(pages, zone, block.value())) return block.value();
  (void)pages.free_pages(arch::this_cpu(), block.value(), order);
  return std::nullopt;
}

// Orders 0 to 3 and 9 may come from a CPU's list, in batches; this one never does.
constexpr unsigned kNoListOrder = 4;
static_assert(!mm::pcp_allowed_order(kNoListOrder));

// --- Raised marks --------------------------------------------------------------------------------

// Pages that min_free_kbytes is shared out among; beyond so many a product would wrap.
constexpr uint64_t kMostLowPages = uint64_t{1} << 31;
uint64_t low_pages(Pages& pages) {
  uint64_t sum = 0;
  (void)for_each_zone(pages, [&](const Node&, const Zone& zone) {
    if (zone.type != ZoneType::HighMem) sum += zone.managed;
    return Verdict::pass();
  });
  return sum;
}

// Raises min_free_kbytes while it lives, and puts it back.
class RaisedMarks {
 public:
  // Above what any zone has: a zone that is emptied is asked to its last page before another is.
  explicit RaisedMarks(Pages& pages)
      : RaisedMarks(pages, std::min(low_pages(pages), kMostLowPages)) {}
  RaisedMarks(Pages& pages, uint64_t pages_min) : pages_(pages), before_(pages.min_free_kbytes()) {
    drain_everywhere(pages_);
    pages_.setup_watermarks(pages_min * (mm::kPageSize / mm::kKiB));
  }
  ~RaisedMarks() {
    drain_everywhere(pages_);
    pages_.setup_watermarks(before_);
  }
  RaisedMarks(const RaisedMarks&) = delete;
  RaisedMarks& operator=(const RaisedMarks&) = delete;

 private:
  Pages& pages_;
  uint64_t before_;
};

// --- Orders --------------------------------------------------------------------------------------

// Blocks of one order that the zone can give, those that it would have to split included.
uint64_t blocks_to_be_had(const Zone& zone, unsigned order) {
  uint64_t blocks = 0;
  mm::for_each_free_block(zone, [&](Pfn, unsigned o, Migratetype type) {
    if (o >= order && type < Migratetype::HighAtomic) blocks += uint64_t{1} << (o - order);
    return true;
  });
  return blocks;
}

uint64_t* last_word(const mm::DirectMap& map, Pfn pfn, unsigned order) {
  return arch::reach<uint64_t>(map, mm::phys(pfn + mm::frames_of(order)) - 8);
}

// What is wrong with where a block lies; null when nothing is.
const char* misplaced(const Booted& machine, const Zone& zone, Pfn pfn, unsigned order) {
  const PfnRange frames{pfn, pfn + mm::frames_of(order)};
  if (pfn.v % mm::frames_of(order) != 0) return "is not aligned to its order";
  if (!zone.spanned.contains(frames)) return "leaves the zone";
  if (!machine.relay.e820().all(mm::phys(frames), mm::E820Type::Ram)) return "is not all RAM";
  if (machine.relay.reservations().overlapping(mm::phys(frames)) != nullptr) return "is reserved";
  return nullptr;
}

// All blocks of one order, as many as fit in a window, held at once.
Verdict try_order(Booted& machine, const Node& node, const Zone& zone, unsigned order) {
  constexpr uint64_t kWindowFrames = 2048;
  Pages& pages = machine.relay.pages();
  const mm::DirectMap& map = machine.relay.map();
  uint64_t wanted = blocks_to_be_had(zone, order);
  if (!machine.exhaustive) {
    wanted = std::min(wanted, std::max<uint64_t>(kWindowFrames >> order, 2));
  }
  Chain chain(map);
  uint64_t got = 0;
  Verdict verdict = Verdict::pass();
  for (; got < wanted && verdict.passed(); ++got) {
    const auto block = take_one(pages, node, zone, only(zone.type), order);
    if (!block) break;
    chain.push(*block, order);
    *last_word(map, *block, order) = mix(block->v);
    if (const char* why = misplaced(machine, zone, *block, order); why != nullptr) {
      verdict = Verdict::fail("block of order {} at frame {:#x} {}", order, block->v, why);
    }
  }
  if (verdict.passed() && got < wanted) {
    verdict = Verdict::fail("node {} zone {} gave {} blocks of order {}, it has {}", node.id,
                            zone.type, got, order, wanted);
  }
  chain.for_each([&](Pfn pfn, unsigned) {
    if (*last_word(map, pfn, order) == mix(pfn.v)) return true;
    verdict = Verdict::fail("block of order {} at frame {} shares memory with another", order, pfn);
    return false;
  });
  if (const auto bad = chain.free_all(pages); bad && verdict.passed()) {
    verdict = Verdict::fail("block of order {} at frame {:#x} was overwritten or not taken back",
                            order, bad->v);
  }
  return verdict;
}

// --- Migratetypes --------------------------------------------------------------------------------

Gfp of_type(ZoneType zone, Migratetype type) {
  const Gfp request = only(zone) - mm::kGfpFlagMovable;
  if (type == Migratetype::Movable) return request | mm::kGfpFlagMovable;
  return type == Migratetype::Reclaimable ? request | mm::kGfpFlagReclaimable : request;
}

uint64_t free_of_type(const Zone& zone, Migratetype type) {
  uint64_t frames = 0;
  mm::for_each_free_block(zone, [&](Pfn, unsigned order, Migratetype t) {
    if (t == type) frames += mm::frames_of(order);
    return true;
  });
  return frames;
}

// Whom Linux 6.1 takes from, in this order (mm/page_alloc.c, fallbacks[]).
std::array<Migratetype, 2> fallbacks_of(Migratetype type) {
  using enum Migratetype;
  if (type == Unmovable) return {Reclaimable, Movable};
  if (type == Movable) return {Reclaimable, Unmovable};
  return {Unmovable, Movable};
}

// Bit n: there is a free block of order n of the type. Seen from the blocks themselves.
uint32_t orders_of(const Zone& zone, Migratetype type) {
  const mm::BlockCounts counts = mm::count_free_blocks(zone);
  uint32_t orders = 0;
  for (unsigned order = 0; order < mm::kOrders; ++order) {
    const bool any = counts.of[static_cast<size_t>(type)][order] != 0;
    orders |= (any ? uint32_t{1} : 0) << order;
  }
  return orders;
}

// Holds the blocks of order 4 and more that the zone has free of the type. Whether none is left.
bool empty_type(Pages& pages, const Node& node, const Zone& zone, Migratetype type) {
  while (orders_of(zone, type) >> kNoListOrder != 0 && !held.full()) {
    const auto largest = static_cast<unsigned>(std::bit_width(orders_of(zone, type))) - 1;
    const auto block = take_one(pages, node, zone, of_type(zone.type, type), largest);
    if (!block) return false;
    held.add(*block, largest);
  }
  return orders_of(zone, type) >> kNoListOrder == 0;
}

struct Names {
  NodeId node;
  const char *zone, *type;
};

// A request of a type of which the zone has no such block: it gets one of the type that comes first
// among those with the largest block, and the pageblock that it lies in becomes its type's.
Verdict try_fallback(Pages& pages, const Node& node, const Zone& zone, Migratetype type,
                     bool& tried) {
  constexpr unsigned kHalfPageblock = mm::kPageblockOrder - 1;
  const Names names{node.id, mm::zone_name(zone.type), mm::migratetype_name(type)};
  if (!empty_type(pages, node, zone, type)) return Verdict::pass();
  const auto others = fallbacks_of(type);
  const uint32_t any = orders_of(zone, others[0]) | orders_of(zone, others[1]);
  // Below that it depends on how much of the pageblock is free.
  if (any >> kHalfPageblock == 0) return Verdict::pass();
  tried = true;
  const unsigned largest = static_cast<unsigned>(std::bit_width(any)) - 1;
  const Migratetype from = others[(orders_of(zone, others[0]) >> largest & 1) != 0 ? 0 : 1];
  const uint64_t had = free_of_type(zone, from);
  const uint64_t own = free_of_type(zone, type);
  const uint64_t free = zone.free_pages;
  const auto block = take_one(pages, node, zone, of_type(zone.type, type), kNoListOrder);
  if (!block) {
    return Verdict::fail("node {} zone {}: {} got nothing, though {} pages of {} are free",
                         names.node, names.zone, names.type, had, mm::migratetype_name(from));
  }
  held.add(*block, kNoListOrder);
  const Migratetype became = pages.owner_of(*block).migratetype;
  if (became != type) {
    return Verdict::fail("node {} zone {}: {} got frame {:#x} of a pageblock that stayed {}",
                         names.node, names.zone, names.type, block->v,
                         mm::migratetype_name(became));
  }
  // The rest of the pageblock, or of what was free in it, serves the next request.
  const uint64_t more = free_of_type(zone, type) - own;
  if (had == free_of_type(zone, from) || free != zone.free_pages + mm::frames_of(kNoListOrder) ||
      more + mm::frames_of(kNoListOrder) < mm::frames_of(std::min(largest, mm::kPageblockOrder))) {
    return Verdict::fail("node {} zone {}: of {} pages of {}, {} are left and {} {} now",
                         names.node, names.zone, had, mm::migratetype_name(from),
                         free_of_type(zone, from), more, names.type);
  }
  const auto next = take_one(pages, node, zone, of_type(zone.type, type), kNoListOrder);
  if (next) held.add(*next, kNoListOrder);
  if (next &&
      mm::align_down(*next, mm::kPageblockFrames) == mm::align_down(*block, mm::kPageblockFrames)) {
    return Verdict::pass();
  }
  return Verdict::fail("node {} zone {}: {} took two pageblocks for 32 pages", names.node,
                       names.zone, names.type);
}

// Few enough blocks to hold, and few that memory was never described for.
bool can_be_emptied(const Zone& zone) {
  constexpr uint64_t kFewGiga = 8;
  uint64_t blocks = 0;
  const mm::BlockCounts counts = mm::count_free_blocks(zone);
  for (unsigned order = 0; order < mm::kOrders; ++order) blocks += counts.total(order);
  return blocks < Held::kRoom / 2 && counts.total(mm::kMaxOrder) <= kFewGiga;
}

Verdict try_types(Pages& pages, const Node& node, const Zone& zone, bool& tried) {
  using enum Migratetype;
  // Movable memory cannot be used for the kernel's, by the zone's purpose.
  if (zone.type == ZoneType::Movable) return Verdict::pass();
  for (const Migratetype type : {Unmovable, Reclaimable}) {
    const Verdict verdict = try_fallback(pages, node, zone, type, tried);
    if (!verdict.passed()) return verdict;
  }
  // Both have free pages now, for movable requests to take when nothing movable is left.
  return can_be_emptied(zone) ? try_fallback(pages, node, zone, Movable, tried) : Verdict::pass();
}

// --- Watermarks ----------------------------------------------------------------------------------

uint64_t mark_of(const Zone& zone, mm::Watermark which) {
  return zone.watermark[static_cast<size_t>(which)];
}

// The marks as they are, against what Linux 6.1 makes of min_free_kbytes (__setup_per_zone_wmarks):
// each zone's part by its size, low and high at least a quarter of it above each other.
Verdict check_marks(Pages& pages) {
  const uint64_t all = pages.min_free_kbytes() / (mm::kPageSize / mm::kKiB);
  uint64_t sum = 0;
  uint64_t zones = 0;
  const Verdict steps = for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    using enum mm::Watermark;
    if (zone.type != ZoneType::HighMem) {
      sum += mark_of(zone, Min);
      ++zones;
    }
    const uint64_t step = mark_of(zone, Low) - mark_of(zone, Min);
    if (mark_of(zone, Low) >= mark_of(zone, Min) && step >= mark_of(zone, Min) / 4 &&
        mark_of(zone, High) - mark_of(zone, Low) == step) {
      return Verdict::pass();
    }
    return Verdict::fail("node {} zone {}: min {}, low {}, high {}", node.id, zone.type,
                         mark_of(zone, Min), mark_of(zone, Low), mark_of(zone, High));
  });
  if (!steps.passed()) return steps;
  // Each zone's part is rounded down.
  if (sum <= all && sum + zones >= all) return Verdict::pass();
  return Verdict::fail("the zones' min marks are {} pages together, min_free_kbytes asks for {}",
                       sum, all);
}

// Blocks are taken of a zone whose min mark is just below what it has free.
Verdict try_marks(Pages& pages, const Node& node, const Zone& zone) {
  constexpr uint64_t kFrames = mm::frames_of(kNoListOrder);
  const uint64_t mark = mark_of(zone, mm::Watermark::Min);
  const Gfp ordinary = only(zone.type) - mm::kGfpFlagMemAlloc;
  const char* const name = mm::zone_name(zone.type);
  for (;;) {
    const uint64_t free = zone.free_pages;
    const uint32_t orders = orders_of(zone, Migratetype::Unmovable) |
                            orders_of(zone, Migratetype::Movable) |
                            orders_of(zone, Migratetype::Reclaimable);
    const bool allowed = free > mark + kFrames - 1 && orders >> kNoListOrder != 0;
    const auto block = take_one(pages, node, zone, ordinary, kNoListOrder);
    if (block) held.add(*block, kNoListOrder);
    if (block.has_value() != allowed) {
      return Verdict::fail("node {} zone {}: {} pages free, min mark {}: an ordinary request {}",
                           node.id, name, free, mark, allowed ? "was refused" : "was served");
    }
    if (!allowed || held.full()) break;
  }
  // Urgent ones may use half of what is below the mark, those that free memory all of it.
  for (const Gfp urgent : {ordinary | mm::kGfpFlagHigh, only(zone.type)}) {
    const auto page = take_one(pages, node, zone, urgent, 0);
    if (!page) {
      return Verdict::fail("node {} zone {}: at the min mark of {} nothing is left for urgent use",
                           node.id, name, mark);
    }
    held.add(*page, 0);
  }
  return Verdict::pass();
}

// --- CPUs' lists ---------------------------------------------------------------------------------

Verdict try_cpu_list(Pages& pages, const Node& node, const Zone& zone) {
  const char* const name = mm::zone_name(zone.type);
  const mm::Pcp& pcp = pages.pcp(arch::this_cpu(), zone);
  // With that it adopts what CPUs that came later have changed.
  pages.drain(arch::this_cpu());
  if (pcp.high != zone.pcp_high || pcp.batch != zone.pcp_batch) {
    return Verdict::fail("node {} zone {}: the CPU keeps {} pages (batch {}), should keep {} ({})",
                         node.id, name, pcp.high, pcp.batch, zone.pcp_high, zone.pcp_batch);
  }
  // Half of the zone at most, so that whatever is not free is on the list.
  const uint64_t most = std::min<uint64_t>(Held::kRoom - 8, zone.free_pages / 2);
  while (held.count() < most) {
    const auto page = take_one(pages, node, zone, only(zone.type), 0);
    if (!page) break;
    held.add(*page, 0);
  }
  for (const unsigned order : {1U, 2U, mm::kPcpMaxOrder, mm::kPageblockOrder}) {
    const auto block = take_one(pages, node, zone, only(zone.type), order);
    if (block) held.add(*block, order);
  }
  if (held.count() == 0) return Verdict::pass();
  if (!held.free_all(pages)) {
    return Verdict::fail("node {} zone {}: a free was refused", node.id, name);
  }
  const uint64_t kept = pages.zone_counts(node.id, zone.type).on_cpu_lists;
  if (kept == 0 || pcp.count() > pcp.high || pcp.huge_count() > pcp.huge_high) {
    return Verdict::fail(
        "node {} zone {}: after frees the CPU keeps {} pages, at most {} and {} pageblocks",
        node.id, name, kept, pcp.high, pcp.huge_high);
  }
  pages.drain(arch::this_cpu());
  const uint64_t left = pages.zone_counts(node.id, zone.type).on_cpu_lists;
  if (left == 0) return Verdict::pass();
  return Verdict::fail("node {} zone {}: drained, the CPU still keeps {} pages", node.id, name,
                       left);
}

// Gives back what a test holds, and holds what is free now against what was.
Verdict settle(Pages& pages, const FreeSet& before, const Verdict& verdict) {
  const bool taken = held.free_all(pages);
  const bool same = free_set(pages) == before;
  if (!verdict.passed()) return verdict;
  if (!taken) return Verdict::fail("a free was refused");
  return same ? Verdict::pass() : Verdict::fail("free memory is not what it was");
}

Verdict test_orders(Booted& machine) {
  Pages& pages = machine.relay.pages();
  const RaisedMarks raised(pages);
  return for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    const FreeSet before = free_set(pages);
    for (unsigned order = 0; order < mm::kOrders; ++order) {
      const Verdict verdict = try_order(machine, node, zone, order);
      if (!verdict.passed()) return verdict;
      if (free_set(pages) == before) continue;
      return Verdict::fail("node {} zone {}: blocks of order {} did not merge again", node.id,
                           zone.type, order);
    }
    return Verdict::pass();
  });
}

Verdict test_migratetypes(Booted& machine) {
  Pages& pages = machine.relay.pages();
  bool tried = false;
  const RaisedMarks raised(pages);
  const Verdict verdict = for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    const FreeSet before = free_set(pages);
    return settle(pages, before, try_types(pages, node, zone, tried));
  });
  if (!verdict.passed() || tried) return verdict;
  return Verdict::skip("no zone has a whole pageblock free");
}

Verdict test_watermarks(Booted& machine) {
  constexpr uint64_t kRoomToMark = 512, kLeast = 1024;  // pages
  Pages& pages = machine.relay.pages();
  if (const Verdict marks = check_marks(pages); !marks.passed()) return marks;
  const uint64_t low = low_pages(pages);
  if (low > kMostLowPages) return Verdict::skip("more than 8 TiB: only the marks were looked at");
  size_t zones = 0;
  const Verdict verdict = for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    const FreeSet before = free_set(pages);
    const uint64_t free = zone.free_pages;
    if (zone.type == ZoneType::HighMem || free < kLeast) return Verdict::pass();
    ++zones;
    // An eighth at most: low is a quarter above min, and all zones' are raised by as much. So whoever
    // finds this zone below its low mark finds no other above.
    const uint64_t room = std::min(kRoomToMark, free / 8);
    const RaisedMarks raised(pages, ((free - room) * low + zone.managed - 1) / zone.managed);
    return settle(pages, before, try_marks(pages, node, zone));
  });
  if (!verdict.passed() || zones != 0) return verdict;
  return Verdict::skip("no zone has memory to spare");
}

Verdict test_cpu_lists(Booted& machine) {
  Pages& pages = machine.relay.pages();
  return for_each_zone(pages, [&](const Node& node, const Zone& zone) {
    const FreeSet before = free_set(pages);
    return settle(pages, before, try_cpu_list(pages, node, zone));
  });
}

Verdict test_roads(Booted& machine) {
  Pages& pages = machine.relay.pages();
  const mm::Layout& layout = machine.relay.layout();
  const auto reservations = machine.relay.reservations().entries();
  const uint64_t count = mm::roads_room(layout, reservations.size()) / mm::kPageSize;
  // The bitmaps are used as a whole: no highmem.
  const bool high = layout.zones.has[mm::ZoneType::HighMem];
  const Gfp gfp = high ? mm::kGfpKernel : mm::kGfpHighUserMovable;
  const mm::PagesOr room =
      pages.alloc_contig_pages(arch::this_cpu(), gfp | mm::kGfpFlagNoWarn, count, 1, 0);
  if (!room) return Verdict::skip("{} pages in a row, for bitmaps, are not to be had", count);
  const PfnRange scratch{room.value(), room.value() + count};
  const auto roads =
      mm::compare_roads(layout, reservations, mm::phys(scratch), machine.relay.map());
  Verdict verdict = Verdict::pass();
  if (!roads.ok()) {
    verdict = Verdict::fail("{}", roads.error());
  } else {
    // And what is in the allocator's hands is the same: no free block lies outside, and the number
    // of frames agrees.
    uint64_t frames = 0;
    for (const PfnRange& run : roads.value()) frames += run.size();
    const auto check = [&](const FreeBlock& b) {
      const auto after =
          std::upper_bound(roads.value().begin(), roads.value().end(), b.pfn,
                           [](Pfn pfn, const PfnRange& run) { return pfn < run.start; });
      const PfnRange block{b.pfn, b.pfn + mm::frames_of(b.order)};
      if (after == roads.value().begin() || !(after - 1)->contains(block)) {
        verdict = Verdict::fail("the free block at frame {}, order {}, comes from neither road",
                                b.pfn, b.order);
      }
      return verdict.passed();
    };
    pages.for_each_free_block(check);
    const uint64_t managed = pages.counts().managed;
    if (verdict.passed() && managed != frames) {
      verdict = Verdict::fail("either road hands over {} pages, buddy has been given {}", frames,
                              managed);
    }
  }
  if (!pages.free_contig_range(arch::this_cpu(), scratch))
    return Verdict::fail("a free was refused");
  drain_everywhere(pages);
  return verdict;
}

constexpr KernelTest kTests[] = {
    // Before those that raise the marks and put them back.
    {{"mm.cpu.lists", "a CPU's lists keep what they may, and give all of it back", High,
      "mm/pcp.h; Linux 6.1: drain_pages()", kOurs},
     test_cpu_lists},
    {{"mm.zones.watermarks", "ordinary requests stop at the min mark, urgent ones do not", High,
      "Linux 6.1, mm/page_alloc.c: __setup_per_zone_wmarks() and __zone_watermark_ok()", kOurs},
     test_watermarks},
    {{"mm.zones.orders", "every order can be had, held side by side and given back", Critical,
      "mm/page_alloc.h: 2^order frames of RAM, aligned to their number, nobody else's", kOurs},
     test_orders},
    {{"mm.zones.types", "a type of which nothing is free takes a pageblock of another", High,
      "Linux 6.1, mm/page_alloc.c: fallbacks[] and steal_suitable_fallback()", kOurs},
     test_migratetypes},
    {{"mm.roads", "bootmem and memblock hand over the same memory, and buddy has it", Critical,
      "mm/handover.h: RAM that no reservation touches, frame for frame", kOurs},
     test_roads},
};

}  // namespace

std::span<const KernelTest> allocator_rule_tests() { return kTests; }

}  // namespace kernel
