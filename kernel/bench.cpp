#include "kernel/bench.h"

#include <array>
#include <string_view>

#include "kernel/arch.h"
#include "kernel/panic.h"

namespace kernel {
namespace {

constexpr unsigned kRounds = 1000;
constexpr mm::NodeId kNode = 0;

// The counter is read twice around each measurement; what that costs itself is taken off.
template <class Work>
uint64_t ticks_of(Work work) {
  const uint64_t start = arch::cycles();
  work();
  return arch::cycles() - start;
}

uint64_t per_round(uint64_t ticks, uint64_t empty) {
  return (ticks - (empty < ticks ? empty : ticks) + kRounds / 2) / kRounds;
}

class Bench {
 public:
  Bench(Booted& machine, const mm::Printer& out) : pages_(machine.relay.pages()), out_(out) {
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
    out_.line("BENCH alloc.order{}_pair {} ticks", order, per_round(ticks, empty_));
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
    out_.line("BENCH alloc.order{}_free {} ticks", order, per_round(ticks, reading));
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
    out_.line("BENCH alloc.first_touch {} ticks", sum / kPageblocks);
    out_.line("BENCH alloc.first_touch_most {} ticks", most);
  }

 private:
  // False, with a line that says so, where the node has no such block.
  template <unsigned order>
  bool warm_up() {
    const mm::PagesOr block = pages_.alloc_pages(arch::this_cpu(), kGfp, order, kNode);
    if (!block) {
      out_.line("BENCH alloc.order{} none: node {} has no such block", order, kNode);
      return false;
    }
    give<order>(block.value());
    return true;
  }
  template <unsigned order>
  mm::Pfn take() {
    const mm::PagesOr block = pages_.alloc_pages(arch::this_cpu(), kGfp, order, kNode);
    if (!block) panic("bench", block.error());
    return block.value();
  }
  template <unsigned order>
  void give(mm::Pfn pfn) {
    const mm::Freed freed = pages_.free_pages(arch::this_cpu(), pfn, order);
    if (!freed) panic("bench", freed.error());
  }

  static constexpr mm::Gfp kGfp = mm::kGfpKernel | mm::kGfpFlagMovable;

  mm::PageAllocator<Policy>& pages_;
  mm::Printer out_;
  uint64_t empty_ = 0;
};

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
  out.line("BENCH boot.firmware {} ticks", h.tsc_handoff - h.tsc_entry);
  out.line("BENCH boot.kernel {} ticks", machine.prompted - h.tsc_handoff);
  out.line("BENCH boot.prompt {} ticks", machine.prompted - h.tsc_entry);
}

void bench_allocator(Booted& machine, const mm::Printer& out) {
  Bench bench(machine, out);
  bench.first_touch();
  bench.pair<0>();
  bench.pair<3>();
  bench.pair<9>();
  bench.free_alone<9>();
  bench.pair<18>();
  out.line("BENCH end");
}

}  // namespace kernel
