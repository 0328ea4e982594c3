// Half of a node's memory, taken and given back: what allocators are compared by. The patterns are
// those of "LLFree: Scalable and Optionally-Persistent Page-Frame Allocation" (USENIX ATC 2023).
#include <span>
#include <utility>

#include "kernel/arch.h"
#include "kernel/bench.h"
#include "kernel/panic.h"

namespace kernel {
namespace {

constexpr mm::Gfp kGfp = mm::kGfpKernel | mm::kGfpFlagMovable | mm::kGfpFlagNoWarn;
constexpr mm::NodeId kNode = 0;

using Pages = mm::PageAllocator<Policy>;

// What is held is remembered in a block of memory like any other.
class Half {
 public:
  Half(Pages& pages, const mm::DirectMap& map, const mm::Printer& out)
      : pages_(pages), out_(out), frames_(pages.node_counts(kNode).managed / 2) {
    while (mm::frames_of(list_order_) * mm::kPageSize < frames_ * sizeof(mm::Pfn)) ++list_order_;
    const mm::PagesOr list = pages_.alloc_pages(arch::this_cpu(), kGfp, list_order_, kNode);
    if (!list) return;
    list_ = list.value();
    held_ = {map.at<mm::Pfn>(mm::phys(list_)), static_cast<size_t>(frames_)};
  }
  ~Half() {
    if (!held_.empty()) (void)pages_.free_pages(arch::this_cpu(), list_, list_order_);
  }
  Half(const Half&) = delete;
  Half& operator=(const Half&) = delete;
  // False: the node has no room for the list.
  [[nodiscard]] bool ready() const { return !held_.empty(); }

  // What the first allocation in a GiB costs that nobody has looked into: the dearest of blocks
  // that no list keeps. To be asked first.
  void first_touch() {
    constexpr unsigned kOrder = mm::kPageblockOrder + 1;
    uint64_t most = 0;
    const uint64_t reading = ticks_of([] {});
    size_t count = 0;
    for (mm::Pfn& pfn : held<kOrder>()) {
      mm::PagesOr block;
      const uint64_t ticks = ticks_of([&] { block = take<kOrder>(); });
      if (!block) break;
      pfn = block.value();
      ++count;
      if (ticks > reading + most) most = ticks - reading;
    }
    give_all<kOrder>(held_.first(count));
    out_.line("BENCH first.giga {} ticks", most);
  }

  // The loop around the calls is counted, too.
  template <unsigned order>
  void measure() {
    constexpr unsigned kPairs = 1000;
    const std::span<mm::Pfn> wanted = held<order>();
    std::span<mm::Pfn> blocks;
    const uint64_t get = ticks_of([&] { blocks = take_all<order>(wanted); });
    if (blocks.size() < wanted.size() || blocks.empty()) {  // somebody has it
      give_all<order>(blocks);
      return out_.line("BENCH bulk.o{} none: there are not so many blocks", order);
    }
    print("bulk", order, "get", get, blocks.size());
    print("bulk", order, "put", ticks_of([&] { give_all<order>(blocks); }), blocks.size());
    blocks = take_all<order>(wanted);
    const uint64_t repeat = ticks_of([&] {
      for (unsigned i = 0; i < kPairs; ++i) {
        if (const mm::PagesOr block = take<order>()) give<order>(block.value());
      }
    });
    print("repeat", order, "pair", repeat, kPairs);
    shuffle(blocks);
    print("random", order, "put", ticks_of([&] { give_all<order>(blocks); }), blocks.size());
    print("random", order, "get", ticks_of([&] { blocks = take_all<order>(wanted); }),
          wanted.size());
    give_all<order>(blocks);
  }

 private:
  template <unsigned order>
  std::span<mm::Pfn> held() const {
    return held_.first(held_.size() >> order);
  }
  template <unsigned order>
  [[gnu::always_inline]] mm::PagesOr take() {
    return pages_.alloc_pages(arch::this_cpu(), kGfp, order, kNode);
  }
  template <unsigned order>
  void give(mm::Pfn pfn) {
    const mm::Freed freed = pages_.free_pages(arch::this_cpu(), pfn, order);
    if (!freed) panic("bench", freed.error());
  }
  template <unsigned order>
  // Those that it got.
  [[gnu::noinline]] std::span<mm::Pfn> take_all(std::span<mm::Pfn> wanted) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      const mm::PagesOr block = take<order>();
      if (!block) return wanted.first(i);
      wanted[i] = block.value();
    }
    return wanted;
  }
  template <unsigned order>
  [[gnu::noinline]] void give_all(std::span<const mm::Pfn> blocks) {
    for (const mm::Pfn pfn : blocks) give<order>(pfn);
  }

  // The same each time, by xorshift.
  static void shuffle(std::span<mm::Pfn> blocks) {
    uint64_t state = 1;
    for (size_t left = blocks.size(); left > 1; --left) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      std::swap(blocks[left - 1], blocks[static_cast<size_t>(state % left)]);
    }
  }

  void print(const char* pattern, unsigned order, const char* what, uint64_t ticks, size_t calls) {
    out_.line("BENCH {}.o{}.{} {} ticks", pattern, order, what, (ticks + calls / 2) / calls);
  }

  Pages& pages_;
  mm::Printer out_;
  uint64_t frames_;
  unsigned list_order_ = 0;
  mm::Pfn list_;
  std::span<mm::Pfn> held_;
};

}  // namespace

void bench_half(Booted& machine, const mm::Printer& out) {
  Half half(machine.relay.pages(), machine.relay.map(), out);
  if (!half.ready()) return out.line("BENCH half none: node {} has no room for the list", kNode);
  half.first_touch();
  half.measure<0>();
  half.measure<3>();
  half.measure<9>();
}

}  // namespace kernel
