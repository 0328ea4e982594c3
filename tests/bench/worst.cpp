// What a call costs at worst: instructions from its beginning to its end, in a row under a zone's lock, and
// in a row with interrupts masked, on a machine of 4 GiB. `make bench-worst`; a word chooses those figures
// whose names begin with it.
//
// The CPU traps behind each instruction, and a signal handler counts. That takes a microsecond or two each,
// so sequences of calls that are the same whenever they run are run by the clock first, three times, and the
// calls that took longest are counted the fourth time.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <x86intrin.h>

#include "mm/audit.h"
#include "tests/bench/allocators.h"

namespace {

// --- Counting ------------------------------------------------------------------------------------

struct Stretch {
  uint64_t now = 0, longest = 0;
  void count(bool inside) {
    now = inside ? now + 1 : 0;
    longest = std::max(longest, now);
  }
};
uint64_t steps;
Stretch under_lock, masked;
volatile uint32_t locks_held, masks_held;

void count_step(int /*signal*/) {
  ++steps;
  under_lock.count(locks_held != 0);
  masked.count(masks_held != 0);
}

// The kernel's policy with a lock that nobody else wants; what is kept besides for the handler costs two
// instructions a lock and two a mask, which are counted, too.
struct Stepped : mm::ManyCpus {
  struct Lock {
    void lock() {
      while (!try_lock()) continue;
    }
    bool try_lock() {
      if (__atomic_exchange_n(&taken, 1, __ATOMIC_ACQUIRE) != 0) return false;
      locks_held = 1;
      return true;
    }
    void unlock() {
      locks_held = 0;
      __atomic_store_n(&taken, 0, __ATOMIC_RELEASE);
    }
    uint32_t taken = 0;
  };
  struct Masked {
    Masked() { masks_held = masks_held + 1; }
    ~Masked() { masks_held = masks_held - 1; }
    Masked(const Masked&) = delete;
    Masked& operator=(const Masked&) = delete;
  };
};

struct Cost {
  uint64_t instructions = 0, under_lock = 0, masked = 0;
  void worst(const Cost& other) {
    instructions = std::max(instructions, other.instructions);
    under_lock = std::max(under_lock, other.under_lock);
    masked = std::max(masked, other.masked);
  }
};

constexpr uint64_t kTrapFlag = 0x100;  // of RFLAGS (Intel SDM vol. 3B, section 17.3.1.4)

template <class Call>
[[gnu::noinline]] Cost stepped(Call call) {
  steps = 0;
  under_lock = masked = {};
  __writeeflags(__readeflags() | kTrapFlag);
  call();
  __writeeflags(__readeflags() & ~kTrapFlag);
  return {steps, under_lock.longest, masked.longest};
}

// --- The dearest of many -------------------------------------------------------------------------

// Is asked for each call of a sequence.
class Probe {
 public:
  explicit Probe(size_t most) : most_(most) {}
  template <class Call>
  void operator()(Call call) {
    const size_t at = at_++;
    if (!chosen_.empty()) {
      if (chosen_[at])
        worst.worst(stepped(call));
      else
        call();
      return;
    }
    if (at == times_.size()) times_.push_back(~uint64_t{0});
    const uint64_t before = __rdtsc();
    call();
    times_[at] = std::min<uint64_t>(times_[at], __rdtsc() - before);
  }
  void again() { at_ = 0; }
  void choose() {
    std::vector<size_t> order(times_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto slow = order.begin() + static_cast<ptrdiff_t>(std::min(most_, order.size()));
    std::nth_element(order.begin(), slow, order.end(),
                     [&](size_t a, size_t b) { return times_[a] > times_[b]; });
    chosen_.assign(times_.size(), false);
    for (auto one = order.begin(); one != slow; ++one) chosen_[*one] = true;
    again();
  }
  [[nodiscard]] size_t calls() const { return times_.size(); }
  Cost worst;

 private:
  size_t most_, at_ = 0;
  std::vector<uint64_t> times_;
  std::vector<bool> chosen_;
};

// To the last page, and no report where there is none.
using Machine = bench::Baton<Stepped, (mm::kGfpFlagMemAlloc | mm::kGfpFlagNoWarn).bits()>;
using Sequence = std::function<void(Machine&, Probe&)>;

Cost overhead;

void print(const char* name, const Cost& cost, size_t calls) {
  const uint64_t own = cost.instructions - overhead.instructions;
  std::printf("BENCH worst.%s %lu instructions\n", name, own);
  std::printf("BENCH worst.%s.locked %lu instructions\n", name, cost.under_lock);
  std::printf("BENCH worst.%s.masked %lu instructions\n", name, cost.masked);
  std::printf("  the dearest of %zu calls\n", calls);
  std::fflush(stdout);
}

std::string_view only;  // figures whose names begin so
size_t measured = 0;

// With how many of the slowest are counted.
void measure(const char* name, size_t most, const Sequence& run) {
  if (!std::string_view(name).starts_with(only)) return;
  ++measured;
  constexpr int kTimed = 3;
  Probe probe(most);
  for (int time = 0; time <= kTimed; ++time) {
    if (time == kTimed) probe.choose();
    Machine machine(1);
    run(machine, probe);
    probe.again();
  }
  print(name, probe.worst, probe.calls());
}

// --- Sequences -----------------------------------------------------------------------------------

constexpr unsigned kCpu = 0;
constexpr size_t kDearest = 8;
using Frames = std::vector<bench::Frame>;

Frames take_all(Machine& machine, unsigned order) {
  Frames frames;
  for (bench::Frame frame = 0; (frame = machine.get(kCpu, order)) >= 0;) frames.push_back(frame);
  return frames;
}

void shuffle(Frames& frames) {
  std::mt19937 random(1);
  std::shuffle(frames.begin(), frames.end(), random);
}

// Every other frame of all memory is free, as frames that lie alone, and the CPU's list is full of them.
Frames fragment(Machine& machine) {
  Frames all = take_all(machine, 0);
  std::sort(all.begin(), all.end());
  Frames back, kept;
  for (size_t i = 0; i < all.size(); ++i) (i % 2 == 0 ? back : kept).push_back(all[i]);
  shuffle(back);
  for (const bench::Frame frame : back) machine.put(kCpu, frame, 0);
  return kept;
}

// All memory in blocks of an order, and back at random.
void orders(unsigned order) {
  const std::string name = "o" + std::to_string(order);
  const size_t count = take_all(*std::make_unique<Machine>(1), order).size();
  measure((name + ".alloc").c_str(), kDearest, [=](Machine& machine, Probe& probe) {
    for (size_t i = 0; i < count; ++i) probe([&] { (void)machine.get(kCpu, order); });
  });
  measure((name + ".free").c_str(), kDearest, [=](Machine& machine, Probe& probe) {
    Frames held = take_all(machine, order);
    shuffle(held);
    for (const bench::Frame frame : held) probe([&] { machine.put(kCpu, frame, order); });
  });
}

// Orders 0 to 3 by turns, and back at random: a CPU's lists go back whole.
void mixed() {
  measure("o0to3.free", kDearest, [](Machine& machine, Probe& probe) {
    std::vector<std::pair<bench::Frame, unsigned>> held;
    for (unsigned i = 0;; ++i) {
      const bench::Frame frame = machine.get(kCpu, i % 4);
      if (frame < 0) break;
      held.emplace_back(frame, i % 4);
    }
    std::mt19937 random(1);
    std::shuffle(held.begin(), held.end(), random);
    for (const auto& [frame, order] : held) {
      probe([&, frame = frame, order = order] { machine.put(kCpu, frame, order); });
    }
  });
}

// While a pageblock is isolated, those of its zone go back one by one.
void beside_isolated() {
  measure("o9.isolated.free", kDearest, [](Machine& machine, Probe& probe) {
    const mm::Pfn first = mm::pfn_down(mm::Phys{2 * bench::kHole});
    replay::must(machine.pages().isolate({first, first + mm::kPageblockFrames}));
    Frames held = take_all(machine, mm::kPageblockOrder);
    shuffle(held);
    for (const bench::Frame frame : held) {
      probe([&] { machine.put(kCpu, frame, mm::kPageblockOrder); });
    }
  });
}

void refused() {
  measure("none_free.alloc", kDearest, [](Machine& machine, Probe& probe) {
    take_all(machine, 0);
    for (int i = 0; i < 8; ++i) probe([&] { (void)machine.get(kCpu, 0); });
  });
  measure("wrong.free", kDearest, [](Machine& machine, Probe& probe) {
    fragment(machine);
    for (uint64_t frame = 1; frame < 4096; frame += 97) {
      probe([&] { (void)machine.pages().free_pages(kCpu, {frame}, 1); });
    }
  });
}

void without_waiting() {
  measure("try.alloc", kDearest, [](Machine& machine, Probe& probe) {
    fragment(machine);
    for (int i = 0; i < 100'000; ++i) {
      probe([&] { (void)machine.pages().try_alloc_pages(kCpu, bench::kGfp, 0, 0); });
    }
  });
  measure("try.free", kDearest, [](Machine& machine, Probe& probe) {
    for (const bench::Frame frame : fragment(machine)) {
      const mm::Pfn pfn{static_cast<uint64_t>(frame)};
      probe([&] { (void)machine.pages().try_free_pages(kCpu, pfn, 0); });
    }
  });
}

void ranges(const char* name, uint64_t count) {
  const std::string text(name);
  // Behind the hole nothing is in use but at the end.
  const mm::Pfn first = mm::pfn_down(mm::Phys{2 * bench::kHole});
  const mm::PfnRange frames{first, first + count};
  measure(("range." + text + ".alloc").c_str(), 1, [=](Machine& machine, Probe& probe) {
    probe([&] { replay::must(machine.pages().alloc_contig_range(kCpu, frames)); });
  });
  measure(("range." + text + ".free").c_str(), 1, [=](Machine& machine, Probe& probe) {
    replay::must(machine.pages().alloc_contig_range(kCpu, frames));
    probe([&] { replay::must(machine.pages().free_contig_range(kCpu, frames).result()); });
  });
}

// Changes hands: what is free as a whole, and what of every other page is in use, or was.
void changes() {
  const mm::Pfn first = mm::pfn_down(mm::Phys{2 * bench::kHole});
  const mm::PfnRange pageblock{first, first + mm::kPageblockFrames};
  const mm::PfnRange giga{first, first + mm::kGigaFrames};
  const auto isolate = [](const std::string& name, mm::PfnRange frames, bool broken) {
    measure(("isolate." + name).c_str(), 1, [=](Machine& machine, Probe& probe) {
      if (broken) fragment(machine);
      probe([&] { replay::must(machine.pages().isolate(frames)); });
    });
    measure(("unisolate." + name).c_str(), 1, [=](Machine& machine, Probe& probe) {
      if (broken) fragment(machine);
      replay::must(machine.pages().isolate(frames));
      probe([&] { replay::must(machine.pages().unisolate(frames)); });
    });
  };
  isolate("2MiB", pageblock, false);
  isolate("1GiB", giga, false);
  isolate("1GiB.broken", giga, true);

  const auto withdraw = [](const std::string& name, mm::PfnRange frames, bool broken) {
    const auto hold = [=](Machine& machine) {
      if (broken) {
        for (const bench::Frame frame : fragment(machine)) machine.put(kCpu, frame, 0);
      }
      replay::must(machine.pages().alloc_contig_range(kCpu, frames));
    };
    measure(("withdraw." + name).c_str(), 1, [=](Machine& machine, Probe& probe) {
      hold(machine);
      probe([&] { replay::must(machine.pages().withdraw(frames)); });
    });
    measure(("release." + name).c_str(), 1, [=](Machine& machine, Probe& probe) {
      hold(machine);
      replay::must(machine.pages().withdraw(frames));
      probe([&] { replay::must(machine.pages().release(frames)); });
    });
  };
  withdraw("page", {first, first + 1}, false);
  withdraw("1GiB-2pages", {first + 1, first + mm::kGigaFrames - 1}, false);
  withdraw("1GiB-2pages.broken", {first + 1, first + mm::kGigaFrames - 1}, true);
}

// Looks for a run: also behind 2,048 pages of which every other is free.
void runs() {
  const auto look = [](const char* name, uint64_t count, bool broken) {
    measure(name, 1, [=](Machine& machine, Probe& probe) {
      for (uint64_t i = 1; broken && i < 2048; i += 2) {
        const mm::Pfn pfn = mm::pfn_down(mm::Phys{2 * bench::kHole}) + i;
        replay::must(machine.pages().alloc_contig_range(kCpu, {pfn, pfn + 1}));
      }
      probe([&] {
        if (!machine.pages().alloc_contig_pages(kCpu, bench::kGfp, count, 1, 0)) std::abort();
      });
    });
  };
  look("run.alloc", mm::kPageblockFrames + 1, false);
  look("run.broken.alloc", mm::kPageblockFrames + 1, true);
  measure("exact.alloc", 1, [](Machine& machine, Probe& probe) {
    probe([&] {
      if (!machine.pages().alloc_pages_exact(kCpu, bench::kGfp, mm::kPageblockFrames + 1, 0))
        std::abort();
    });
  });
}

void the_whole() {
  const auto close = [](Machine& machine, Probe& probe) {
    probe([&] { replay::must(machine.close_ledger()); });
  };
  measure("ledger.untouched", 1, close);
  measure("ledger.64MiB", 1, [=](Machine& machine, Probe& probe) {
    for (int i = 0; i < 1 << 14; ++i) (void)machine.get(kCpu, 0);
    close(machine, probe);
  });
  for (const mm::Road road : {mm::Road::Bootmem, mm::Road::Memblock}) {
    const std::string name = road == mm::Road::Bootmem ? "bootmem" : "memblock";
    measure(("hand_over." + name).c_str(), 1, [=](Machine&, Probe& probe) {
      Machine other(1, road);
      probe([&] { replay::must(other.hand_over()); });
    });
  }
}

void the_rest() {
  measure("drain", 1, [](Machine& machine, Probe& probe) {
    fragment(machine);
    probe([&] { machine.pages().drain(kCpu); });
  });
  measure("count", 1,
          [](Machine& machine, Probe& probe) { probe([&] { (void)machine.pages().counts(); }); });
  measure("explain", kDearest, [](Machine& machine, Probe& probe) {
    fragment(machine);
    for (uint64_t pfn = 0; pfn < 1 << 20; pfn += 61) {
      probe([&] { (void)machine.pages().owner_of({pfn}); });
    }
  });
  measure("audit.untouched", 1, [](Machine& machine, Probe& probe) {
    probe([&] { replay::must(mm::audit(machine.pages())); });
  });
  measure("audit.64MiB", 1, [](Machine& machine, Probe& probe) {
    for (int i = 0; i < 1 << 14; ++i) (void)machine.get(kCpu, 0);
    probe([&] { replay::must(mm::audit(machine.pages())); });
  });
}

}  // namespace

int main(int count, char** arguments) {  // NOLINT(bugprone-exception-escape): it ends there
  if (count > 2) {
    std::fprintf(stderr, "worst: one word at most, with which a figure's name begins\n");
    return 1;
  }
  if (count > 1) only = arguments[1];
  struct sigaction action {};
  action.sa_handler = count_step;
  sigaction(SIGTRAP, &action, nullptr);
  overhead = stepped([] {});
  for (const unsigned order : {0U, 3U, 9U, 10U, 18U}) orders(order);
  mixed();
  beside_isolated();
  refused();
  without_waiting();
  ranges("page", 1);
  ranges("2MiB-1page", mm::kPageblockFrames - 1);
  ranges("2MiB", mm::kPageblockFrames);
  ranges("1GiB-1page", mm::kGigaFrames - 1);
  changes();
  runs();
  the_whole();
  the_rest();
  if (measured == 0) {
    std::fprintf(stderr, "worst: no figure's name begins with %s\n", arguments[1]);
    return 1;
  }
}
