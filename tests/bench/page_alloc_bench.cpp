// What a page costs on the host, beside the least that a list of pages can cost: a stack of frames
// with links in an array of Pages, as in mem_map, that neither checks, counts nor merges.
//
// Both run in one process, so that their ratio says more than either figure. `make bench-host`.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "mm/page_alloc.h"
#include "tests/support/relayed.h"

namespace {

constexpr unsigned kCpu = 0;
constexpr mm::NodeId kNode = 0;
constexpr mm::Gfp kGfp = mm::kGfpKernel | mm::kGfpFlagMovable;
constexpr size_t kHeld = 4096;  // frames in use while random ones come and go

class PlainList {
 public:
  PlainList() : pages_(kFrames) {
    for (mm::FrameIndex frame = 0; frame < kFrames; ++frame) free({frame});
  }
  [[gnu::always_inline]] mm::Pfn alloc() {
    const mm::FrameIndex frame = head_;
    if (frame == mm::kNoFrame) return mm::kNoPfn;
    head_ = pages_[frame].next;
    return {frame};
  }
  [[gnu::always_inline]] void free(mm::Pfn pfn) {
    pages_[pfn.v].next = head_;
    head_ = static_cast<mm::FrameIndex>(pfn.v);
  }

 private:
  static constexpr mm::FrameIndex kFrames = mm::FrameIndex{4} << 18;  // 4 GiB
  std::vector<mm::Page> pages_;
  mm::FrameIndex head_ = mm::kNoFrame;
};

// The whole allocator, on 4 GiB handed over by the relay.
class Whole {
 public:
  template <unsigned order = 0>
  [[gnu::always_inline]] mm::Pfn alloc() {
    const mm::PagesOr block = pages().alloc_pages(kCpu, kGfp, order, kNode);
    return block ? block.value() : mm::kNoPfn;
  }
  template <unsigned order = 0>
  [[gnu::always_inline]] void free(mm::Pfn pfn) {
    if (!pages().free_pages(kCpu, pfn, order)) __builtin_trap();
  }

 private:
  mm::PageAllocator<mm::OneCpu>& pages() { return relayed_.relay.pages(); }
  test::Relayed relayed_{R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable
BIOS-e820: [mem 0x0000000100000000-0x000000017fffffff] usable
  )"};
};

template <class Allocator>
void pair(benchmark::State& state) {
  Allocator allocator;
  for (auto _ : state) {
    mm::Pfn pfn = allocator.alloc();
    if (pfn == mm::kNoPfn) return state.SkipWithError("no page");
    benchmark::DoNotOptimize(pfn);
    allocator.free(pfn);
  }
}

template <unsigned order>
void block_pair(benchmark::State& state) {
  Whole allocator;
  for (auto _ : state) {
    mm::Pfn pfn = allocator.alloc<order>();
    if (pfn == mm::kNoPfn) return state.SkipWithError("no block");
    benchmark::DoNotOptimize(pfn);
    allocator.free<order>(pfn);
  }
}

// One of many frames, anywhere, goes back, and another comes.
template <class Allocator>
void random_pair(benchmark::State& state) {
  Allocator allocator;
  std::vector<mm::Pfn> held(kHeld);
  for (mm::Pfn& pfn : held) pfn = allocator.alloc();
  std::mt19937 random(1);
  std::vector<uint16_t> order(1 << 16);
  for (uint16_t& which : order) which = static_cast<uint16_t>(random() % kHeld);
  size_t next = 0;
  for (auto _ : state) {
    mm::Pfn& pfn = held[order[next++ % order.size()]];
    allocator.free(pfn);
    pfn = allocator.alloc();
    if (pfn == mm::kNoPfn) return state.SkipWithError("no page");
  }
}

BENCHMARK(pair<PlainList>)->Name("order-0 pair, plain list");
BENCHMARK(pair<Whole>)->Name("order-0 pair");
BENCHMARK(random_pair<PlainList>)->Name("random pair, plain list");
BENCHMARK(random_pair<Whole>)->Name("random pair");
BENCHMARK(block_pair<3>)->Name("order-3 pair");
BENCHMARK(block_pair<9>)->Name("order-9 pair");
BENCHMARK(block_pair<18>)->Name("order-18 pair");

}  // namespace
