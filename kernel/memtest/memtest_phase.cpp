#include "kernel/memtest/memtest_phase.h"

#include <algorithm>
#include <array>
#include <optional>

#include "kernel/arch.h"
#include "kernel/bad_pages.h"
#include "kernel/console.h"
#include "kernel/highmem.h"
#include "kernel/keys.h"
#include "kernel/late.h"
#include "kernel/leave_report.h"
#include "kernel/memory_module.h"
#include "kernel/memtest/live_picture.h"
#include "kernel/memtest/overnight.h"
#include "kernel/run_record.h"
#include "kernel/selftest/table_tests.h"
#include "kernel/smp/drain.h"
#include "loader/handoff/text.h"

namespace kernel {
namespace {

constinit Late<MemtestState> late_state;
constinit MemtestOptions asked;
constinit MemtestPlan planned;
constinit Overnight overnight;
constinit std::array<char, 48> doing{};  // for the run's record: the pattern, and in which pass
constinit std::array<char, 96> title{};  // the same for the picture, and what was found
constinit std::array<std::optional<Verdict>, kMemoryPatterns.size()> verdicts{};  // overnight

MemtestState& state() { return late_state.get(); }

// RAM through the direct map, or page by page where that does not reach it.
class DirectCells {
 public:
  explicit DirectCells(const mm::DirectMap& map) : map_(map) {}

  [[nodiscard]] uint64_t read(uint64_t address) const { return *at(address); }
  void write(uint64_t address, uint64_t value) const { *at(address) = value; }
  // Part by part here and below: pages of highmem do not follow each other.
  void copy(uint64_t from, uint64_t to, uint64_t bytes) const {
    while (bytes != 0) {
      const uint64_t part =
          std::min({bytes, arch::reached_with(mm::Phys{from}), arch::reached_with(mm::Phys{to})});
      if (form_ != nullptr) {
        form_->copy(virt(to), virt(from), part);
      } else {
        arch::copy_words(virt(to), virt(from), part / 8);
      }
      from += part;
      to += part;
      bytes -= part;
    }
  }
  void choose(const RunForm* form) { form_ = form; }
  [[nodiscard]] bool fill(mm::Range run, uint64_t value) const {
    if (form_ == nullptr) return false;
    while (!run.empty()) {
      const uint64_t part = part_from(run);
      form_->fill(virt(run.start.v), part, value);
      run.start += part;
    }
    return true;
  }
  [[nodiscard]] std::optional<uint64_t> same(mm::Range run, uint64_t value) const {
    return sweep(run, true,
                 [&](uint64_t at, uint64_t bytes) { return form_->same(at, bytes, value); });
  }
  [[nodiscard]] std::optional<uint64_t> turn(mm::Range run, uint64_t before, uint64_t after,
                                             bool up) const {
    return sweep(run, up, [&](uint64_t at, uint64_t bytes) {
      return (up ? form_->turn_up : form_->turn_down)(at, bytes, before, after);
    });
  }
  void written_back(mm::Range range) const {
    while (!range.empty()) {
      const mm::Phys end =
          std::min(mm::align_down(range.start, mm::kPageSize) + mm::kPageSize, range.end);
      arch::write_back_caches(virt(range.start.v), end - range.start);
      range.start = end;
    }
  }
  static void swept(mm::Range chunk, const MemtestProgress& progress) {
    move_live_picture(chunk, progress.standing());
  }
  static void wait(unsigned seconds) {
    const uint64_t start = arch::microseconds();
    while (arch::microseconds() - start < uint64_t{seconds} * 1'000'000) arch::doze();
  }

 private:
  [[nodiscard]] volatile uint64_t* at(uint64_t address) const {
    return arch::reach<volatile uint64_t>(map_, mm::Phys{address});
  }
  [[nodiscard]] uint64_t virt(uint64_t address) const {
    return reinterpret_cast<uintptr_t>(arch::reach<void>(map_, mm::Phys{address}));
  }

  // How many bytes from the start (up) or the end work() did; nothing: there is no form.
  template <class Work>
  [[nodiscard]] std::optional<uint64_t> sweep(mm::Range run, bool up, const Work& work) const {
    if (form_ == nullptr) return std::nullopt;
    uint64_t done = 0;
    while (!run.empty()) {
      const uint64_t part = up ? part_from(run) : part_to(run);
      const mm::Phys at = up ? run.start : run.end - part;
      const uint64_t did = work(virt(at.v), part);
      done += did;
      if (did != part) break;
      (up ? run.start : run.end) = up ? at + part : at;
    }
    return done;
  }
  static uint64_t part_from(mm::Range run) {
    return std::min(run.size(), arch::reached_with(run.start));
  }
  // Of the last page, where what lies before does not lead there.
  static uint64_t part_to(mm::Range run) {
    if (part_from(run) == run.size()) return run.size();
    return std::min(run.size(), (run.end - 1).v % mm::kPageSize + 1);
  }

  mm::DirectMap map_;
  const RunForm* form_ = nullptr;
};

mm::Result<> take_out(void* context, mm::PfnRange frames) {
  return static_cast<Relay*>(context)->take_back(arch::this_cpu(), frames, "BAD PAGES");
}

MemoryPlaces places(const Booted& machine) { return {&machine.relay.pages(), &state().modules}; }

constinit const Booted* tested = nullptr;

// Now and then while the memory is swept.
void look_around() {
  collect_hardware_errors();
  if (asked.overnight && read_key()) __atomic_store_n(&state().stop, true, __ATOMIC_RELAXED);
  note_run(doing.data(), state().progress.standing().percent, state().errors);
}

MemoryTest<DirectCells> memory_test(Booted& machine) {
  MemoryTest<DirectCells> test(machine.relay.pages(), arch::this_cpu(),
                               DirectCells(machine.relay.map()), {take_out, &machine.relay}, asked,
                               state(), log());
  test.set_places(places(machine));
  test.set_collect(look_around);
  test.set_rates(planned.rates);
  return test;
}

// --- Until a key is pressed ---

MemtestFindings findings() {
  return {state().errors + state().told.uncorrected(), state().told.corrected(),
          state().bad.list().size()};
}

// What is found is known to the next start also where this one does not come to its end.
void keep_findings(Booted& machine) {
  for (size_t i = 0; i < state().bad.list().size(); ++i) {
    note_bad_page(state().bad.list()[i], state().bad.found_by(i));
  }
  leave_bad_pages(machine, log());
}

// The worst that a pattern came to in any pass.
void keep_verdict(size_t pattern, const Verdict& verdict) {
  std::optional<Verdict>& kept = verdicts[pattern];
  if (!kept || verdict.failed() || (!kept->failed() && verdict.passed())) kept = verdict;
}

bool run_pass(Booted& machine) {
  state().progress =
      MemtestProgress(log(), arch::microseconds, planned.microseconds, uint64_t{60} * 1'000'000);
  for (size_t i = 0; i < kMemoryPatterns.size(); ++i) {
    const size_t length =
        overnight.title(arch::microseconds(), findings(), kMemoryPatterns[i].row.id, title);
    name_live_picture({title.data(), length});
    (void)mm::format(doing, "pass {}, {}", overnight.passes() + 1, kMemoryPatterns[i].row.id);
    console().flush();
    const Verdict verdict = memory_test(machine).run(kMemoryPatterns[i], overnight.passes());
    // What was cut short has shown nothing but what it found.
    if (!state().stop || verdict.failed()) keep_verdict(i, verdict);
    if (state().stop) return false;
  }
  return true;
}

// What was typed before is no wish to end, nor a line's second end.
void forget_keys() {
  constexpr uint64_t kQuiet = 300'000, kMost = 2'000'000;
  const uint64_t start = arch::microseconds();
  for (uint64_t last = start, now = start; now - last < kQuiet && now - start < kMost;
       now = arch::microseconds()) {
    if (read_key()) last = now;
    arch::doze();
  }
}

void run_overnight(Booted& machine) {
  open_keyboards(machine);
  forget_keys();
  verdicts = {};
  overnight = {};
  overnight.begin(arch::microseconds());
  while (run_pass(machine)) {
    const uint64_t now = arch::microseconds();
    overnight.end_pass(now, findings(), log());
    state().earlier += state().progress.elapsed();
    state().progress = {};
    if (overnight.is_to_keep(now, findings())) keep_findings(machine);
    (void)summary_of_log();
    if (planned.bytes == 0) break;  // passes over nothing would follow each other at once
  }
  forget_keys();  // one key may be several characters
  overnight.finish(arch::microseconds(), findings(), log());
}

}  // namespace

void start_memtest(Booted& machine, const MemtestOptions& options) {
  asked = options;
  state().stop = false;
  state().errors = 0;
  state().earlier = 0;
  drain_everywhere(machine.relay.pages());
  // What is there already is not the test's.
  collect_hardware_errors();
  tested = &machine;
  state().modules.read(smbios_of(table_facts(machine)));
  state().of_modules = {};
  state().told = {};
  state().told_lines = 0;
  set_error_taker({[](mm::Pfn pfn) { return under_test(state(), pfn); },
                   [](const HardwareError& error) {
                     take_hardware_error(state(), error, places(*tested), log());
                   }});
  begin_live_picture(machine, state());
  print_forms(asked, log());
  state().progress = {};
  console().flush();
  planned = memory_test(machine).plan(arch::microseconds);
  state().tested = planned.bytes;
  state().progress = MemtestProgress(log(), arch::microseconds, planned.microseconds);
  if (asked.overnight) {
    log().part("memtest: overnight: until a key is pressed: {} MiB, a pass will take about ",
               planned.bytes / mm::kMiB);
  } else {
    log().part("memtest: {} MiB, {} pass{}, will take about ", planned.bytes / mm::kMiB,
               asked.passes, asked.passes == 1 ? "" : "es");
  }
  print_time(planned.microseconds, log());
  log().text("\n");
  if (asked.overnight) run_overnight(machine);
}

Verdict run_memtest(size_t index, Booted& machine) {
  if (asked.overnight) {
    return verdicts[index].value_or(Verdict::skip("it was ended before this came to its end"));
  }
  loader::put_text(doing, kMemoryPatterns[index].row.id);
  name_live_picture(doing.data());
  console().flush();
  return memory_test(machine).run(kMemoryPatterns[index]);
}

void finish_memtest(Booted& machine) {
  end_live_picture();
  set_error_taker({});
  if (const auto retired = memory_test(machine).retire(); !retired.ok()) {
    log().error("memtest", retired.error());
  }
  print_outcome(state(), asked.overnight ? overnight.passes() : asked.passes, log());
  if (state().bad.empty()) return;
  keep_findings(machine);
  const mm::Result<> closed = close_ledger(machine, log());
  if (!closed.ok()) log().error("ledger", closed.error());
}

}  // namespace kernel
