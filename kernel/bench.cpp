#include "kernel/bench.h"

#include <array>
#include <string_view>

#include "kernel/arch.h"
#include "kernel/panic.h"

namespace kernel {
namespace {

constexpr unsigned kRounds = 1000;

// What the loop and reading the counter cost themselves is taken off.
uint64_t per_round(uint64_t ticks, uint64_t empty) {
  return (ticks - (empty < ticks ? empty : ticks) + kRounds / 2) / kRounds;
}

// `cpu` says on which it runs: a function, as that is part of what an allocation costs.
template <class Policy, class Cpu>
class Bench {
 public:
  Bench(mm::PageAllocator<Policy>& pages, Cpu cpu, const char* kind, const mm::Printer& out)
      : pages_(pages), cpu_(cpu), kind_(kind), out_(out) {
    empty_ = ticks_of([] {
      for (unsigned i = 0; i < kRounds; ++i) asm volatile("" : : : "memory");
    });
  }

  // The order is a constant here as it is where code allocates.
  template <unsigned order>
  void pair() {
    if (!warm_up<order>()) return;
    const uint64_t ticks = ticks_of([&] {
      for (unsigned i = 0; i < kRounds; ++i) give<order>(take<order>());
    });
    out_.line("BENCH {}.order{}_pair {} ticks", kind_, order, per_round(ticks, empty_));
  }

  // The free alone: alternate and take the allocation's own ticks off.
  template <unsigned order>
  void free_alone() {
    if (!warm_up<order>()) return;
    uint64_t ticks = 0;
    uint64_t reading = 0;
    for (unsigned i = 0; i < kRounds; ++i) {
      const mm::Pfn pfn = take<order>();
      ticks += ticks_of([&] { give<order>(pfn); });
      reading += ticks_of([] {});
    }
    out_.line("BENCH {}.order{}_free {} ticks", kind_, order, per_round(ticks, reading));
  }

  // Allocations of half a pageblock: each second one opens a pageblock that nobody has looked into
  // before, whose Pages it has to write. What such a one costs, and the dearest, which also had to
  // split the largest block.
  void first_touch() {
    constexpr unsigned kOrder = mm::kPageblockOrder - 1;
    constexpr unsigned kPageblocks = 32;
    std::array<mm::Pfn, size_t{2} * kPageblocks> held;
    uint64_t sum = 0;
    uint64_t most = 0;
    const uint64_t reading = ticks_of([] {});
    for (size_t i = 0; i < held.size(); i += 2) {
      const uint64_t one = ticks_of([&] { held[i] = take<kOrder>(); }) - reading;
      const uint64_t other = ticks_of([&] { held[i + 1] = take<kOrder>(); }) - reading;
      const uint64_t dearer = one > other ? one : other;
      sum += dearer;
      if (dearer > most) most = dearer;
    }
    for (const mm::Pfn pfn : held) give<kOrder>(pfn);
    out_.line("BENCH {}.first_touch {} ticks", kind_, sum / kPageblocks);
    out_.line("BENCH {}.first_touch_most {} ticks", kind_, most);
  }

 private:
  // False, with a line that says so, where the node has no such block.
  template <unsigned order>
  bool warm_up() {
    const mm::PagesOr block = pages_.alloc_pages(cpu_(), kGfp, order, kNode);
    if (!block) {
      out_.line("BENCH {}.order{} none: node {} has no such block", kind_, order, kNode);
      return false;
    }
    give<order>(block.value());
    return true;
  }
  template <unsigned order>
  mm::Pfn take() {
    const mm::PagesOr block = pages_.alloc_pages(cpu_(), kGfp, order, kNode);
    if (!block) panic("bench", block.error());
    return block.value();
  }
  template <unsigned order>
  void give(mm::Pfn pfn) {
    const mm::Freed freed = pages_.free_pages(cpu_(), pfn, order);
    if (!freed) panic("bench", freed.error());
  }

  static constexpr mm::Gfp kGfp = mm::kGfpKernel | mm::kGfpFlagMovable;
  static constexpr mm::NodeId kNode = 0;

  mm::PageAllocator<Policy>& pages_;
  Cpu cpu_;
  const char* kind_;
  mm::Printer out_;
  uint64_t empty_ = 0;
};

// A machine of one node and one CPU that nothing interrupts, made of memory of this one's: what an
// allocation costs without locks, masking and the question which CPU it is.
class AloneMachine {
 public:
  static constexpr unsigned kOrder = 13;  // 32 MiB

  // Of a block of that order.
  mm::Result<> make(mm::Pfn block, const mm::DirectMap& map) {
    mm::Phys next = mm::phys(block);
    const auto take = [&](uint64_t bytes) {
      const mm::Range range{next, next + mm::align_up(bytes, mm::kPageSize)};
      next = range.end;
      return range;
    };
    const mm::PfnRange all{block, block + mm::frames_of(kOrder)};
    node_.id = 0;
    node_.spanned = all;
    node_.mem_map_start = block;
    node_.fallback = &node_.id;
    node_.fallback_count = 1;
    mm::ZoneLayout& normal = node_.zones[mm::ZoneType::Normal];
    normal.spanned = all;
    normal.present = all.size();
    node_.present = all.size();
    active_.pfns = all;
    active_.node = 0;
    layout_.active = {&active_, 1};
    layout_.nodes = {&node_, 1};
    layout_.zones.has[mm::ZoneType::Normal] = true;
    node_.node_data = take(mm::node_data_size(layout_, 0));
    node_.per_cpu = take(mm::per_cpu_size(layout_, 1, 0));
    node_.mem_map = take(all.size() * sizeof(mm::Page));
    node_.heads = take(mm::heads_bytes());
    node_.zones[mm::ZoneType::Normal].pageblocks = take(mm::pageblocks_bytes());
    BATON_TRY(pages_.init(layout_, map, 1, mm::Printer()));
    BATON_TRY(pages_.release({mm::pfn_up(next), all.end}));
    pages_.setup_watermarks();
    pages_.setup_per_cpu_pageset();
    return {};
  }
  mm::PageAllocator<mm::OneCpu>& pages() { return pages_; }

 private:
  mm::NodeLayout node_;
  mm::ActiveRange active_;
  mm::Layout layout_;
  mm::PageAllocator<mm::OneCpu> pages_;
};

void bench_alone(Booted& machine, const mm::Printer& out) {
  mm::PageAllocator<Policy>& pages = machine.relay.pages();
  const mm::PagesOr block =
      pages.alloc_pages(arch::this_cpu(), mm::kGfpKernel, AloneMachine::kOrder, 0);
  if (!block) {
    out.line("BENCH alone none: node 0 has no block of order {}", AloneMachine::kOrder);
    return;
  }
  AloneMachine alone;
  if (const auto made = alone.make(block.value(), machine.relay.map()); !made.ok()) {
    panic("bench", made.error());
  }
  Bench bench(
      alone.pages(), [] { return 0u; }, "alone", out);
  bench.pair<0>();
  bench.pair<3>();
  (void)pages.free_pages(arch::this_cpu(), block.value(), AloneMachine::kOrder);
}

}  // namespace

void Laps::start() { last_ = arch::cycles(); }

void Laps::lap(const char* name) {
  const uint64_t now = arch::cycles();
  if (count_ == laps_.size()) panic("more laps than room");
  laps_[count_++] = {name, now - last_};
  last_ = arch::cycles();
}

void Laps::print(const mm::Printer& out) const {
  uint64_t total = 0;
  bool counts = false;
  for (size_t i = 0; i < count_; ++i) {
    out.line("BENCH relay.{} {} ticks", laps_[i].name, laps_[i].ticks);
    counts = counts || std::string_view(laps_[i].name) == "lay_out";
    if (counts) total += laps_[i].ticks;
  }
  out.line("BENCH relay.reservations_to_buddy {} ticks", total);
}

void bench_start(const Booted& machine, const mm::Printer& out) {
  if (machine.prompted == 0) return;
  const loader::Handoff& h = machine.kept.handoff();
  const uint64_t kernel = machine.prompted - h.tsc_handoff;
  const auto& [screen, serial] = machine.spent;
  out.line("BENCH start.loader {} ticks", h.tsc_handoff - h.tsc_entry);
  out.line("BENCH start.kernel {} ticks", kernel);
  out.line("BENCH start.kernel.screen {} ticks", screen);
  out.line("BENCH start.kernel.serial {} ticks", serial);
  out.line("BENCH start.kernel.rest {} ticks", kernel - screen - serial);
}

void bench_allocator(Booted& machine, std::string_view what, const mm::Printer& out) {
  Bench bench(
      machine.relay.pages(), [] { return arch::this_cpu(); }, "alloc", out);
  bench.first_touch();
  bench.pair<0>();
  bench.pair<3>();
  bench.pair<9>();
  bench.free_alone<9>();
  bench.pair<18>();
  bench_alone(machine, out);
  if (what == "half") bench_half(machine, out);
  out.line("BENCH end");
}

}  // namespace kernel
