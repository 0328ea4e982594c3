// The memory test: patterns (kernel/memory_patterns.h) over memory taken from the page allocator,
// node by node, and what becomes of pages that fail.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/memory_patterns.h"
#include "kernel/policy.h"
#include "loader/self_test.h"
#include "mm/page_alloc.h"
#include "mm/print.h"
#include "mm/result.h"

namespace kernel {

// `memtest=quick,2,node:1`: words with commas (at the monitor's prompt also blanks) between them.
struct MemtestOptions {
  Depth depth = Depth::Normal;     // quick, full
  unsigned passes = 1;             // a number
  std::optional<mm::NodeId> node;  // node:N; otherwise all
};
// `nodes` is how many the machine has. Nothing where a word is wrong, and a line that names it and
// says what would be right.
std::optional<MemtestOptions> parse_memtest(std::string_view words, size_t nodes,
                                            const mm::Printer& out);

// Pages that did not hold what was written, each once.
class BadPages {
 public:
  static constexpr size_t kRoom = 1024;

  // Whether it is a new one.
  bool add(mm::Pfn pfn);
  [[nodiscard]] std::span<const mm::Pfn> list() const { return {pages_.data(), count_}; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  // Found when there was no room any more; the same page may be counted more than once.
  [[nodiscard]] uint64_t not_listed() const { return not_listed_; }

  // Linux's `memmap=nn$ss` words and GRUB's `badram` command, each on a line of its own.
  void print(const mm::Printer& out) const;

 private:
  std::array<mm::Pfn, kRoom> pages_{};  // ascending
  size_t count_ = 0;
  uint64_t not_listed_ = 0;
};

// Percent, speed and time left, in a line now and then.
class MemtestProgress {
 public:
  using Clock = uint64_t (*)();  // microseconds
  MemtestProgress() = default;
  MemtestProgress(const mm::Printer& out, Clock clock, uint64_t bytes)
      : out_(out), clock_(clock), planned_(bytes) {}

  void doing(const char* what, mm::NodeId node) {
    what_ = what;
    node_ = node;
  }
  void add(uint64_t bytes);
  struct Standing {
    uint64_t percent = 0, seconds_left = 0;
  };
  // Where it stands now; nothing is known of the time before the first MiB.
  [[nodiscard]] Standing standing() const;
  // Prints where it stands; add() does every five seconds.
  void print();

 private:
  mm::Printer out_;
  Clock clock_ = nullptr;
  uint64_t planned_ = 0, done_ = 0;
  uint64_t started_ = 0, printed_ = 0;
  const char* what_ = "";
  mm::NodeId node_ = 0;
};

// Memory taken from the allocator: blocks in ascending order.
class TakenMemory {
 public:
  static constexpr size_t kRoom = 8192;

  // Takes all that the node has, in the largest blocks there are, as far as there is room to note
  // them. How many bytes that is.
  uint64_t take(mm::PageAllocator<Policy>& pages, unsigned cpu, mm::NodeId node);
  // Gives everything back; the first refusal, if there is one.
  mm::Result<> give_back(mm::PageAllocator<Policy>& pages, unsigned cpu);

  [[nodiscard]] size_t count() const { return count_; }
  [[nodiscard]] mm::Range operator[](size_t i) const;
  // Whether room ran out, so that some memory stayed free.
  [[nodiscard]] bool incomplete() const { return incomplete_; }

 private:
  std::array<uint64_t, kRoom> blocks_{};  // frame << 8 | order
  size_t count_ = 0;
  bool incomplete_ = false;
};

// Large; there is one of it.
struct MemtestState {
  TakenMemory taken;
  BadPages bad;
  MemtestProgress progress;
  uint64_t errors = 0;
};

// How a page that is bad leaves the page allocator for good, so that nobody is ever given it. It is
// free when this is called.
struct TakeOut {
  mm::Result<> (*take)(void* context, mm::PfnRange frames) = nullptr;
  void* context = nullptr;
};

// `Cells` is how the memory is touched: read, write, copy, written_back and wait as in
// kernel/memory_patterns.h.
template <class Cells>
class MemoryTest {
 public:
  // The module that answers an address, where SMBIOS tells; empty otherwise.
  using ModuleOf = std::string_view (*)(const void* context, mm::Phys address);

  MemoryTest(mm::PageAllocator<Policy>& pages, unsigned cpu, const Cells& cells,
             const TakeOut& take_out, const MemtestOptions& options, MemtestState& state,
             const mm::Printer& out)
      : pages_(pages),
        cpu_(cpu),
        cells_(cells),
        take_out_(take_out),
        options_(options),
        state_(state),
        out_(out) {}

  void set_module_of(ModuleOf module_of, const void* context) {
    module_of_ = module_of;
    module_context_ = context;
  }

  // Bytes that all patterns together will sweep.
  [[nodiscard]] uint64_t planned_bytes() const;
  // Runs one pattern as often as was asked for. Bad pages found are out of use afterwards.
  loader::Outcome run(const MemoryPattern& pattern, loader::Facts& facts);

  // --- For the sweeps ---
  [[nodiscard]] size_t blocks() const { return state_.taken.count(); }
  [[nodiscard]] mm::Range block(size_t i) const { return state_.taken[i]; }
  uint64_t read(uint64_t address) { return cells_.read(address); }
  void write(uint64_t address, uint64_t value) { cells_.write(address, value); }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) { cells_.copy(from, to, bytes); }
  void written_back(mm::Range range) { cells_.written_back(range); }
  void wait(unsigned seconds) { cells_.wait(seconds); }
  void progress(uint64_t bytes) { state_.progress.add(bytes); }
  void error(uint64_t address, uint64_t expected, uint64_t found);

 private:
  static constexpr uint64_t kErrorsShown = 16;

  [[nodiscard]] bool wanted(mm::NodeId node) const {
    return (!options_.node || *options_.node == node) && pages_.node_counts(node).managed != 0;
  }
  // Takes the bad pages that are free out of the allocator.
  mm::Result<> retire(size_t known_before);

  mm::PageAllocator<Policy>& pages_;
  unsigned cpu_;
  Cells cells_;
  TakeOut take_out_;
  MemtestOptions options_;
  MemtestState& state_;
  mm::Printer out_;
  ModuleOf module_of_ = nullptr;
  const void* module_context_ = nullptr;
  mm::NodeId node_ = 0;
};

template <class Cells>
uint64_t MemoryTest<Cells>::planned_bytes() const {
  uint64_t bytes = 0;
  for (size_t id = 0; id < pages_.node_count(); ++id) {
    const auto node = static_cast<mm::NodeId>(id);
    if (wanted(node)) bytes += pages_.node_counts(node).free * mm::kPageSize;
  }
  uint64_t sweeps = 0;
  for (const MemoryPattern& pattern : kMemoryPatterns) {
    sweeps += pattern.sweeps[static_cast<size_t>(options_.depth)];
  }
  return bytes * sweeps * options_.passes;
}

template <class Cells>
loader::Outcome MemoryTest<Cells>::run(const MemoryPattern& pattern, loader::Facts& facts) {
  if (pattern.sweeps[static_cast<size_t>(options_.depth)] == 0) {
    return loader::skip(facts, "the quick test leaves it out");
  }
  const uint64_t errors_before = state_.errors;
  const size_t known_before = state_.bad.list().size();
  bool any = false;
  bool incomplete = false;
  for (size_t id = 0; id < pages_.node_count(); ++id) {
    node_ = static_cast<mm::NodeId>(id);
    if (!wanted(node_)) continue;
    state_.progress.doing(pattern.row.id, node_);
    any = state_.taken.take(pages_, cpu_, node_) != 0 || any;
    incomplete = incomplete || state_.taken.incomplete();
    for (unsigned pass = 0; pass < options_.passes; ++pass) {
      constexpr uint64_t kSeed = 0x2545'f491'4f6c'dd1dU;
      patterns::Sweeper<MemoryTest>(*this, options_.depth, kSeed * (pass + 1)).run(pattern.id);
    }
    if (const auto back = state_.taken.give_back(pages_, cpu_); !back.ok()) {
      return loader::fail(facts, "memory cannot be given back: %s (0x%lx)", back.error().what,
                          back.error().a);
    }
  }
  state_.progress.print();
  if (const auto retired = retire(known_before); !retired.ok()) {
    return loader::fail(facts, "a bad page cannot be taken out of use: %s (0x%lx)",
                        retired.error().what, retired.error().a);
  }
  if (!any && options_.node) {
    return loader::skip(facts, "node %u has no free memory", unsigned{*options_.node});
  }
  if (!any) return loader::skip(facts, "there is no free memory to test");
  if (state_.errors != errors_before) {
    return loader::fail(facts, "%lu wrong words; %zu bad pages so far",
                        state_.errors - errors_before, state_.bad.list().size());
  }
  if (incomplete) out_.line("memtest: memory is in too many pieces: not all of it was tested");
  return loader::Outcome::Pass;
}

template <class Cells>
void MemoryTest<Cells>::error(uint64_t address, uint64_t expected, uint64_t found) {
  const mm::Phys at{address};
  (void)state_.bad.add(mm::pfn_down(at));
  if (++state_.errors > kErrorsShown) {
    if (state_.errors == kErrorsShown + 1) out_.line("memtest: more errors are only counted");
    return;
  }
  const std::string_view module =
      module_of_ == nullptr ? std::string_view() : module_of_(module_context_, at);
  out_.line("memtest: error at 0x%lx (node %u%s%.*s): wrote %016lx, read %016lx, bits %016lx",
            address, node_, module.empty() ? "" : ", ", static_cast<int>(module.size()),
            module.data(), expected, found, expected ^ found);
}

template <class Cells>
mm::Result<> MemoryTest<Cells>::retire(size_t known_before) {
  if (state_.bad.list().size() == known_before) return {};
  for (const mm::Pfn pfn : state_.bad.list()) {
    const mm::FrameUse use = pages_.owner_of(pfn).use;
    if (use == mm::FrameUse::Reserved) continue;  // taken out after an earlier pattern
    BATON_TRY(take_out_.take(take_out_.context, {pfn, pfn + 1}));
  }
  return {};
}

}  // namespace kernel
