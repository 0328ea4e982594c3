// The memory test: patterns (kernel/memtest/memory_patterns.h) over memory taken from the page
// allocator, node by node, and what becomes of pages that fail.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/arch.h"
#include "kernel/hardware_errors.h"
#include "kernel/memory_module.h"
#include "kernel/memtest/memory_patterns.h"
#include "kernel/policy.h"
#include "kernel/smp/cpus.h"
#include "loader/handoff/self_test.h"
#include "mm/page_alloc.h"
#include "mm/print.h"
#include "mm/result.h"

namespace kernel {

// Which CPUs test: some faults show only when many press on the memory, others only to one CPU.
enum class Testers : uint8_t {
  Together,  // all at a time, each its own node's memory first
  InTurn,    // one after the other, each all of it
  One,       // MemtestOptions::cpu
};

// `memtest=quick,2,node:1`: words with commas (at the monitor's prompt also blanks) between them.
struct MemtestOptions {
  Depth depth = Depth::Normal;          // quick, full
  unsigned passes = 1;                  // a number; of a test without an end: at a time
  bool overnight = false;               // pass after pass, until a key is pressed
  std::optional<mm::NodeId> node;       // node:N; otherwise all
  Testers testers = Testers::Together;  // in-turn, cpu:N
  unsigned cpu = 0;
  // plain, or a form's name; otherwise by pattern and pass (form_of()).
  std::optional<const RunForm*> form;  // null: word by word
};
// By which form a pass (from 0) of a pattern goes. When nobody chose, the widest that the CPUs
// have; zeros and ones go word by word, as only so each word changes between neighbours that have
// not and have; and every second pass is all so, since different forms show different faults.
[[nodiscard]] const RunForm* form_of(const MemtestOptions& options, PatternId pattern,
                                     unsigned pass);
// What that comes to, in a line.
void print_forms(const MemtestOptions& options, const mm::Printer& out);
// What the run is called where it does not come to its end.
[[nodiscard]] constexpr const char* memtest_name(const MemtestOptions& options) {
  return options.overnight ? "the memory test, until a key" : "the memory test";
}
// `nodes` is how many the machine has; a CPU must be online. Nothing where a word is wrong, and a
// line that names it and says what would be right.
std::optional<MemtestOptions> parse_memtest(std::string_view words, size_t nodes,
                                            const mm::Printer& out);

// Pages that did not hold what was written, each once.
class BadPages {
 public:
  static constexpr size_t kRoom = 1024;

  // Whether it is a new one. `found_by` stays where it is.
  bool add(mm::Pfn pfn, const char* found_by);
  [[nodiscard]] std::span<const mm::Pfn> list() const { return {pages_.data(), count_}; }
  // Who found the page at this place of the list first.
  [[nodiscard]] const char* found_by(size_t i) const { return finders_[i]; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  // Found when there was no room any more; the same page may be counted more than once.
  [[nodiscard]] uint64_t not_listed() const { return not_listed_; }

  // Linux's `memmap=nn$ss` words and GRUB's `badram` command, each on a line of its own.
  void print(const mm::Printer& out) const;

 private:
  std::array<mm::Pfn, kRoom> pages_{};  // ascending
  std::array<const char*, kRoom> finders_{};
  size_t count_ = 0;
  uint64_t not_listed_ = 0;
};

// What the test will cost, from what its patterns took on a sample of the memory.
struct MemtestPlan {
  uint64_t bytes = 0;                                    // of memory that is tested
  uint64_t microseconds = 0;                             // all patterns, passes and waits
  std::array<uint64_t, kMemoryPatterns.size()> rates{};  // ns to sweep 64 KiB once
};

// Percent of the time, speed and time left, in a line now and then.
class MemtestProgress {
 public:
  using Clock = uint64_t (*)();  // microseconds
  MemtestProgress() = default;
  // `every`: microseconds between two lines, at least.
  static constexpr uint64_t kEvery = 5'000'000;
  MemtestProgress(const mm::Printer& out, Clock clock, uint64_t planned_microseconds,
                  uint64_t every = kEvery)
      : out_(out), clock_(clock), planned_(planned_microseconds), every_(every) {}

  // `rate`: ns that a sweep over 64 KiB was planned to take.
  void doing(const char* what, uint64_t rate) {
    what_ = what;
    rate_ = rate;
  }
  // Whether it has printed.
  bool add(uint64_t bytes);
  void waited(unsigned seconds) { done_ += uint64_t{seconds} * 1'000'000; }
  struct Standing {
    uint64_t percent = 0, seconds_left = 0;
  };
  // Where it stands now. The plan counts until a hundredth of it is done; from then on also how
  // much longer, or shorter, than planned that took.
  [[nodiscard]] Standing standing() const;
  // Microseconds since the first memory was swept.
  [[nodiscard]] uint64_t elapsed() const { return started_ == 0 ? 0 : clock_() - started_; }
  // Prints where it stands; add() does now and then.
  void print();
  // A pattern has come to its end: that is a line, too, where lines are not to be few.
  void end_pattern() {
    if (every_ == kEvery) print();
  }

 private:
  mm::Printer out_;
  Clock clock_ = nullptr;
  uint64_t planned_ = 0, done_ = 0;  // microseconds by the plan
  uint64_t every_ = kEvery;
  uint64_t rate_ = 0, rest_ = 0;  // ns; and those that are no whole microsecond yet
  uint64_t swept_ = 0;            // bytes
  uint64_t started_ = 0, printed_ = 0;
  const char* what_ = "";
};

// Memory taken from the allocator, node after node, each one's blocks in ascending order; and its
// chunks, as CPUs fetch them.
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
  [[nodiscard]] bool contains(mm::Phys address) const;
  // Whether room ran out, so that some memory stayed free.
  [[nodiscard]] bool incomplete() const { return incomplete_; }

  // All chunks are there to be fetched again: the lowest of each node first, or last.
  void start(bool up);
  // The next one, of this node as long as there is any; nothing when all are fetched. By any number
  // of CPUs at once.
  std::optional<mm::Range> fetch(mm::NodeId node);
  // How far each node is with what start() began, in a line; nothing where there is only one.
  void print_nodes(const mm::Printer& out) const;

 private:
  struct Part {
    mm::NodeId node = 0;
    size_t first = 0, end = 0;  // its blocks
    uint64_t chunks = 0;
    uint64_t fetched = 0;  // as often as it was tried
  };
  [[nodiscard]] mm::Range chunk(const Part& part, uint64_t number) const;

  std::array<uint64_t, kRoom> blocks_{};  // frame << 8 | order
  std::array<uint64_t, kRoom> before_{};  // chunks of the node's blocks before this one
  size_t count_ = 0;
  std::array<Part, mm::kMaxNodes> parts_{};
  size_t part_count_ = 0;
  bool up_ = true;
  bool incomplete_ = false;
};

// Chunks in which a CPU lost what it was about to read: what stands there is not known, so that the
// rest of the pattern leaves them out.
class GivenUp {
 public:
  void clear() { *this = {}; }
  void add(mm::Range chunk) {
    if (count_ == chunks_.size()) {
      all_ = true;
    } else {
      chunks_[count_++] = chunk;
    }
  }
  // Where there were more than there is room for, all of the memory.
  [[nodiscard]] bool has(mm::Range chunk) const {
    const auto end = chunks_.begin() + static_cast<ptrdiff_t>(count_);
    return all_ || std::find(chunks_.begin(), end, chunk) != end;
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] bool all() const { return all_; }

 private:
  std::array<mm::Range, 64> chunks_{};
  size_t count_ = 0;
  bool all_ = false;
};

// Large; there is one of it.
struct MemtestState {
  TakenMemory taken;
  BadPages bad;
  MemtestProgress progress;
  SpinLock<LockRank::Findings> lock;  // for what is found
  uint64_t errors = 0;
  MemoryModules modules;
  ModuleErrors of_modules;
  HardwareErrors told;  // by the hardware, since the test began
  uint64_t told_lines = 0;
  GivenUp given_up;  // in this pattern
  const char* pattern = "memtest";
  bool stop = false;       // somebody wants it to end: what has not begun is left out
  mm::Range sample{};      // of the plan
  uint64_t collected = 0;  // when banks were last looked into
  uint64_t swept = 0;      // bytes that progress has not been told of
  uint64_t earlier = 0;    // microseconds that passes took which progress does not count
  uint64_t tested = 0;     // bytes that every pattern swept; before the first all that is planned
};

// What came out: the bad pages in words for other systems; or that there are none, of how much, and
// how long it took.
void print_outcome(const MemtestState& state, unsigned passes, const mm::Printer& out);

// What a message says of an address: its node, and the module that answers it, where SMBIOS tells.
struct MemoryPlaces {
  const mm::PageAllocatorCore* pages = nullptr;
  const MemoryModules* modules = nullptr;

  [[nodiscard]] mm::NodeId node(mm::Phys address) const;
  [[nodiscard]] Answering answering(mm::Phys address) const;
  // " at 0x1000 (node 0, DIMM 2, seen by CPU 1)"
  void print(mm::Phys address, unsigned cpu, const mm::Printer& out) const;
};

// The memory test's part of what the hardware tells (ErrorTaker): whether it has the page in its
// hands; and a line, a count, and, where data is lost, the allocator's pages among the bad ones.
[[nodiscard]] bool under_test(const MemtestState& state, mm::Pfn pfn);
void take_hardware_error(MemtestState& state, const HardwareError& error,
                         const MemoryPlaces& places, const mm::Printer& out);

// How a page that is bad leaves the page allocator for good, so that nobody is ever given it. It is
// free when this is called.
struct TakeOut {
  mm::Result<> (*take)(void* context, mm::PfnRange frames) = nullptr;
  void* context = nullptr;
};

// `Cells` is how the memory is touched: read, write, copy, written_back, wait, fill, same and turn
// as in kernel/memtest/memory_patterns.h; choose(form): by which the last three and copy go from
// here on; swept(chunk, progress): a CPU has done with a chunk.
template <class Cells>
class MemoryTest {
 public:
  MemoryTest(mm::PageAllocator<Policy>& pages, unsigned cpu, const Cells& cells,
             const TakeOut& take_out, const MemtestOptions& options, MemtestState& state,
             const mm::Printer& out)
      : pages_(pages),
        cpu_(cpu),
        cells_(cells),
        take_out_(take_out),
        options_(options),
        state_(state),
        out_(out),
        places_{&pages} {}

  void set_places(const MemoryPlaces& places) { places_ = places; }
  // How every CPU's banks are looked into, now and then and after each pattern.
  void set_collect(void (*all_banks)()) { collect_ = all_banks; }

  // Tries every pattern on 4 MiB for each CPU that tests, or what there is; what is found there the
  // test itself will find.
  [[nodiscard]] MemtestPlan plan(MemtestProgress::Clock clock);
  // As plan() said.
  void set_rates(std::span<const uint64_t, kMemoryPatterns.size()> rates) {
    std::copy(rates.begin(), rates.end(), rates_.begin());
  }
  // Runs one pattern as often as was asked for, from this pass on (from 0). Bad pages found are out
  // of use afterwards.
  loader::Verdict run(const MemoryPattern& pattern, unsigned first_pass = 0);

  // Takes the bad pages out of the allocator that are still its; all are free.
  mm::Result<> retire();

  // --- For the sweeps ---
  [[nodiscard]] size_t blocks() const { return state_.taken.count(); }
  [[nodiscard]] mm::Range block(size_t i) const { return state_.taken[i]; }
  uint64_t read(uint64_t address) { return cells_.read(address); }
  void write(uint64_t address, uint64_t value) { cells_.write(address, value); }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) { cells_.copy(from, to, bytes); }
  void written_back(mm::Range range) { cells_.written_back(range); }
  bool fill(mm::Range run, uint64_t value) { return cells_.fill(run, value); }
  std::optional<uint64_t> same(mm::Range run, uint64_t value) { return cells_.same(run, value); }
  std::optional<uint64_t> turn(mm::Range run, uint64_t before, uint64_t after, bool up) {
    return cells_.turn(run, before, after, up);
  }
  void wait(unsigned seconds) {
    for (unsigned i = 0; i < seconds && !stops(); ++i) {
      cells_.wait(1);
      state_.progress.waited(1);
      tell_progress();
    }
  }
  // The conductor, which is the CPU that runs the test, tells of what all have swept.
  void progress(uint64_t bytes) {
    __atomic_fetch_add(&state_.swept, bytes, __ATOMIC_RELAXED);
    if (arch::this_cpu() == cpu_) tell_progress();
  }
  template <class Work>
  void together(bool up, const Work& work);
  template <class Work>
  void alone(const Work& work);
  void error(uint64_t address, uint64_t expected, uint64_t found);

 private:
  static constexpr uint64_t kErrorsShown = 16;

  // Whether work(part) came to its end.
  template <class Work>
  static bool tried(const Work& work, mm::Range part) {
    struct Piece {
      const Work& work;
      mm::Range part;
    } piece{work, part};
    return arch::attempt(
        [](void* context) {
          const auto& p = *static_cast<const Piece*>(context);
          p.work(p.part);
        },
        &piece);
  }

  // A part of the memory, as the sweeps see it.
  struct Sample {
    Cells& cells;
    mm::Range part;
    unsigned testers;  // how many CPUs sweep it together

    static size_t blocks() { return 1; }
    [[nodiscard]] mm::Range block(size_t) const { return part; }
    uint64_t read(uint64_t address) { return cells.read(address); }
    void write(uint64_t address, uint64_t value) { cells.write(address, value); }
    void copy(uint64_t from, uint64_t to, uint64_t bytes) { cells.copy(from, to, bytes); }
    void written_back(mm::Range range) { cells.written_back(range); }
    bool fill(mm::Range run, uint64_t value) { return cells.fill(run, value); }
    std::optional<uint64_t> same(mm::Range run, uint64_t value) { return cells.same(run, value); }
    std::optional<uint64_t> turn(mm::Range run, uint64_t before, uint64_t after, bool up) {
      return cells.turn(run, before, after, up);
    }
    static void wait(unsigned) {}
    static void progress(uint64_t) {}
    template <class Work>
    static void alone(const Work& work) {
      work();
    }
    template <class Work>
    void together(bool up, const Work& work) const {
      if (testers == 1) {
        return patterns::one_by_one(*this, up, [&](mm::Range chunk) { (void)tried(work, chunk); });
      }
      struct Share {
        const Work& work;
        mm::Range part;
        uint64_t piece, next = 0;
      } share{work, part,
              std::max(part.size() / (uint64_t{4} * testers) / mm::kPageSize, uint64_t{1}) *
                  mm::kPageSize};
      run_everywhere(
          [](void* context) {
            auto& s = *static_cast<Share*>(context);
            for (;;) {
              const uint64_t at = __atomic_fetch_add(&s.next, s.piece, __ATOMIC_RELAXED);
              if (at >= s.part.size()) return;
              const mm::Phys start = s.part.start + at;
              (void)tried(s.work, mm::Range{start, std::min(s.part.end, start + s.piece)});
            }
          },
          &share);
    }
    static void error(uint64_t, uint64_t, uint64_t) {}
  };

  // Writes to every page, and tells how long that took.
  static uint64_t touch(Sample& memory, MemtestProgress::Clock clock) {
    const uint64_t start = clock();
    memory.together(true, [&](mm::Range run) {
      for (mm::Phys at = run.start; at < run.end; at += mm::kPageSize) memory.write(at.v, at.v);
    });
    return clock() - start;
  }
  [[nodiscard]] bool wanted(mm::NodeId node) const {
    return (!options_.node || *options_.node == node) && pages_.node_counts(node).managed != 0;
  }
  void tell_progress() {
    constexpr uint64_t kEvery = 1'000'000;
    if (const uint64_t now = arch::microseconds(); now - state_.collected >= kEvery) {
      state_.collected = now;
      collect();
    }
    if (state_.progress.add(__atomic_exchange_n(&state_.swept, 0, __ATOMIC_RELAXED))) {
      state_.taken.print_nodes(out_);
    }
  }
  [[nodiscard]] bool stops() const { return __atomic_load_n(&state_.stop, __ATOMIC_RELAXED); }
  void sweep(const MemoryPattern& pattern, uint64_t seed) {
    patterns::Sweeper<MemoryTest>(*this, options_.depth, seed).run(pattern.id);
  }
  void collect() const {
    if (collect_ != nullptr) collect_();
  }
  // Runs work(chunk); where memory fails under it, the rest of the pattern leaves the chunk out.
  template <class Work>
  void attempt(const Work& work, mm::Range chunk);
  // Runs work() on the one CPU that tests, or on this one, and waits for it.
  template <class Work>
  void by_tester(const Work& work);
  // Once for the CPUs together, or once for each of them.
  void run_once(const MemoryPattern& pattern, uint64_t seed);

  mm::PageAllocator<Policy>& pages_;
  unsigned cpu_;
  Cells cells_;
  TakeOut take_out_;
  MemtestOptions options_;
  MemtestState& state_;
  mm::Printer out_;
  MemoryPlaces places_;
  void (*collect_)() = nullptr;
  std::optional<unsigned> only_;  // the CPU that tests; otherwise all do
  std::array<uint64_t, kMemoryPatterns.size()> rates_{};
};

template <class Cells>
MemtestPlan MemoryTest<Cells>::plan(MemtestProgress::Clock clock) {
  constexpr uint64_t kUnit = 64 * mm::kKiB;
  MemtestPlan plan;
  std::optional<mm::Pfn> sample;
  unsigned order = 0;
  const unsigned online = cpus().online();
  const unsigned testers = options_.testers == Testers::Together ? online : 1;
  const unsigned largest =
      std::min(10 + static_cast<unsigned>(std::bit_width(testers)) - 1, mm::kMaxOrder);
  for (size_t id = 0; id < pages_.node_count(); ++id) {
    const auto node = static_cast<mm::NodeId>(id);
    if (!wanted(node)) continue;
    plan.bytes += pages_.node_counts(node).free * mm::kPageSize;
    for (unsigned o = largest + 1; !sample && o-- > 0;) {
      const mm::PagesOr block = pages_.alloc_pages(
          cpu_, mm::kGfpFlagThisNode | mm::kGfpFlagNoWarn | mm::kGfpFlagMovable, o, node);
      if (!block) continue;
      sample = block.value();
      order = o;
    }
  }
  if (!sample) return plan;
  const uint64_t bytes = mm::kPageSize << order;
  state_.sample = {mm::phys(*sample), mm::phys(*sample) + bytes};
  Sample memory{cells_, {mm::phys(*sample), mm::phys(*sample) + bytes}, testers};
  // Memory may cost more when it is touched for the first time: who plays the machine then has yet
  // to find some. The first pattern that touches all of it pays.
  const uint64_t first_touch = touch(memory, clock);
  const uint64_t second_touch = touch(memory, clock);
  for (size_t i = 0; i < kMemoryPatterns.size(); ++i) {
    const MemoryPattern& pattern = kMemoryPatterns[i];
    const uint64_t sweeps = pattern.sweeps[static_cast<size_t>(options_.depth)];
    // Address lines cost by blocks, not by their size, and so little that no plan needs it.
    if (sweeps == 0 || pattern.id == PatternId::AddressLines) continue;
    cells_.choose(form_of(options_, pattern.id, 0));
    // The first time is slower: code must come into the caches, or an emulator translate it.
    Sample page{cells_, {memory.part.start, memory.part.start + mm::kPageSize}, 1};
    patterns::Sweeper<Sample>(page, options_.depth, 1).run(pattern.id);
    const uint64_t start = clock();
    patterns::Sweeper<Sample>(memory, options_.depth, 1).run(pattern.id);
    uint64_t took = clock() - start;
    if (pattern.id == PatternId::OwnAddress) {
      took += first_touch - std::min(first_touch, second_touch);
    }
    plan.rates[i] = took * 1000 * kUnit / bytes / sweeps;
    plan.microseconds += (plan.bytes + kUnit - 1) / kUnit * plan.rates[i] / 1000 * sweeps;
    if (pattern.id == PatternId::BitFade) {
      plan.microseconds +=
          uint64_t{patterns::kFades} * patterns::fade_seconds(options_.depth) * 1'000'000;
    }
  }
  plan.microseconds *= options_.passes;
  if (options_.testers == Testers::InTurn) plan.microseconds *= online;
  state_.sample = {};
  (void)pages_.free_pages(cpu_, *sample, order);
  pages_.drain(cpu_);
  return plan;
}

template <class Cells>
loader::Verdict MemoryTest<Cells>::run(const MemoryPattern& pattern, unsigned first_pass) {
  if (pattern.sweeps[static_cast<size_t>(options_.depth)] == 0) {
    return loader::Verdict::skip("the quick test leaves it out");
  }
  const uint64_t errors_before = state_.errors;
  const HardwareErrors& told = state_.told;
  const uint64_t corrected_before = told.corrected(), lost_before = told.uncorrected();
  state_.given_up.clear();
  state_.pattern = pattern.row.id;
  uint64_t bytes = 0;
  state_.progress.doing(pattern.row.id,
                        rates_[static_cast<size_t>(&pattern - kMemoryPatterns.data())]);
  for (size_t id = 0; id < pages_.node_count(); ++id) {
    const auto node = static_cast<mm::NodeId>(id);
    if (wanted(node)) bytes += state_.taken.take(pages_, cpu_, node);
  }
  const bool incomplete = state_.taken.incomplete();
  for (unsigned i = 0; bytes != 0 && i < options_.passes && !stops(); ++i) {
    const unsigned pass = first_pass + i;
    constexpr uint64_t kSeed = 0x2545'f491'4f6c'dd1dU;
    cells_.choose(form_of(options_, pattern.id, pass));
    run_once(pattern, kSeed * (pass + 1));
  }
  collect();
  if (const auto back = state_.taken.give_back(pages_, cpu_); !back.ok()) {
    return loader::Verdict::fail("memory cannot be given back: {}", back.error());
  }
  state_.tested = std::min(state_.tested, bytes);
  state_.progress.end_pattern();
  if (const auto retired = retire(); !retired.ok()) {
    return loader::Verdict::fail("a bad page cannot be taken out of use: {}", retired.error());
  }
  if (bytes == 0 && options_.node) {
    return loader::Verdict::skip("node {} has no free memory", *options_.node);
  }
  if (bytes == 0) return loader::Verdict::skip("there is no free memory to test");
  if (told.uncorrected() != lost_before) {
    return loader::Verdict::fail(
        "the hardware lost data {} times, {} wrong words; {} bad pages so far",
        told.uncorrected() - lost_before, state_.errors - errors_before, state_.bad.list().size());
  }
  if (state_.errors != errors_before) {
    return loader::Verdict::fail("{} wrong words; {} bad pages so far",
                                 state_.errors - errors_before, state_.bad.list().size());
  }
  if (incomplete) out_.line("memtest: memory is in too many pieces: not all of it was tested");
  if (told.corrected() == corrected_before) return loader::Verdict::pass();
  loader::Facts facts;
  facts.say("the hardware corrected {} errors", told.corrected() - corrected_before);
  return {loader::Outcome::Pass, facts};
}

template <class Cells>
void MemoryTest<Cells>::run_once(const MemoryPattern& pattern, uint64_t seed) {
  only_.reset();
  if (options_.testers == Testers::Together) return sweep(pattern, seed);
  for (const Cpu& cpu : cpus().all()) {
    if (!cpus().is_online(cpu.number)) continue;
    if (options_.testers == Testers::One && cpu.number != options_.cpu) continue;
    only_ = cpu.number;
    sweep(pattern, seed);
  }
}

template <class Cells>
template <class Work>
void MemoryTest<Cells>::together(bool up, const Work& work) {
  struct Share {
    MemoryTest& test;
    const Work& work;
  } share{*this, work};
  const auto run = [](void* context) {
    auto& s = *static_cast<Share*>(context);
    const mm::NodeId node = cpus().own().node;
    while (!s.test.stops()) {
      const auto chunk = s.test.state_.taken.fetch(node);
      if (!chunk) return;
      s.test.attempt(s.work, *chunk);
    }
  };
  if (stops()) return;
  state_.taken.start(up);
  if (only_) return by_tester([&] { run(&share); });
  run_everywhere(run, &share);
  tell_progress();
}

template <class Cells>
template <class Work>
void MemoryTest<Cells>::attempt(const Work& work, mm::Range chunk) {
  const auto given_up = [&] {
    const Policy::Masked masked;
    const Held held(state_.lock);
    return state_.given_up.has(chunk);
  };
  if (!given_up() && !tried(work, chunk)) {
    const Policy::Masked masked;
    const Held held(state_.lock);
    state_.given_up.add(chunk);
    out_.line("memtest: {}: what this pattern wrote is lost, and it leaves {} out", mem(chunk),
              state_.given_up.all() ? "all of the memory" : "this");
  }
  cells_.swept(chunk, state_.progress);
  progress(chunk.size());
}

template <class Cells>
template <class Work>
void MemoryTest<Cells>::alone(const Work& work) {
  if (stops()) return;
  by_tester([&] {
    if (tried([&](mm::Range) { work(); }, {})) return;
    out_.line("memtest: what this pattern wrote is lost, and it ends here");
  });
}

template <class Cells>
template <class Work>
void MemoryTest<Cells>::by_tester(const Work& work) {
  const unsigned cpu = only_.value_or(cpu_);
  if (cpu == cpu_) return work();
  const void* context = &work;
  start_task(
      cpu, [](void* w) { (**static_cast<const Work**>(w))(); }, &context);
  while (!task_done(cpu)) {
    arch::doze();
    tell_progress();
  }
  tell_progress();
}

template <class Cells>
void MemoryTest<Cells>::error(uint64_t address, uint64_t expected, uint64_t found) {
  const Policy::Masked masked;
  const Held held(state_.lock);
  const mm::Phys at{address};
  const Answering who = places_.answering(at);
  if (state_.bad.add(mm::pfn_down(at), state_.pattern)) state_.of_modules.add_page(who);
  state_.of_modules.add(who, places_.node(at), ModuleErrors::Kind::Wrong);
  if (++state_.errors > kErrorsShown) {
    if (state_.errors == kErrorsShown + 1) out_.line("memtest: more errors are only counted");
    return;
  }
  out_.text("memtest: error");
  places_.print(at, arch::this_cpu(), out_);
  out_.line(": wrote {:016x}, read {:016x}, bits {:016x}", expected, found, expected ^ found);
}

template <class Cells>
mm::Result<> MemoryTest<Cells>::retire() {
  for (const mm::Pfn pfn : state_.bad.list()) {
    const mm::FrameUse use = pages_.owner_of(pfn).use;
    if (use == mm::FrameUse::Reserved) continue;  // taken out after an earlier pattern
    BATON_TRY(take_out_.take(take_out_.context, {pfn, pfn + 1}));
  }
  return {};
}

}  // namespace kernel
