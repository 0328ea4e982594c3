#include "kernel/selftest/selftest.h"

#include <array>

#include "kernel/console.h"
#include "kernel/memtest/memtest_phase.h"
#include "kernel/nearest.h"
#include "kernel/run_record.h"
#include "kernel/selftest/firmware_results.h"
#include "kernel/selftest/known_failures.h"
#include "kernel/selftest/ktap.h"
#include "kernel/selftest/stress.h"
#include "kernel/selftest/table_tests.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

using loader::Outcome;
using loader::Selection;
using loader::SelfTest;

// --- The phases ----------------------------------------------------------------------------------

struct Phase {
  const char* name;
  size_t count;
  const SelfTest& (*row)(size_t index);
  Verdict (*run)(size_t index, Booted& machine);
  bool here = true;  // the tests run now, and each is named before; not only its result is here
};

// The files' tests in a row.
template <class Test>
size_t count_of(std::span<std::span<const Test> (*const)()> files) {
  size_t count = 0;
  for (const auto tests : files) count += tests().size();
  return count;
}
template <class Test>
const Test& nth_of(std::span<std::span<const Test> (*const)()> files, size_t index) {
  size_t file = 0;
  for (; index >= files[file]().size(); ++file) index -= files[file]().size();
  return files[file]()[index];
}

template <std::span<KernelTests* const> (*kFiles)()>
Phase kernel_phase(const char* name) {
  return {name, count_of<KernelTest>(kFiles()),
          [](size_t i) -> const SelfTest& { return nth_of<KernelTest>(kFiles(), i).row; },
          [](size_t i, Booted& machine) { return nth_of<KernelTest>(kFiles(), i).run(machine); }};
}

template <std::span<TableTests* const> (*kFiles)()>
Phase table_phase(const char* name) {
  return {name, count_of<TableTest>(kFiles()),
          [](size_t i) -> const SelfTest& { return nth_of<TableTest>(kFiles(), i).row; },
          [](size_t i, Booted& machine) {
            return run_table_test(nth_of<TableTest>(kFiles(), i), table_facts(machine));
          }};
}

// With what the loader handed over of the firmware phase.
std::array<Phase, 6> phases(std::span<const loader::HandoffResult> results) {
  return {
      Phase{"efi", firmware_test_count(results), firmware_test,
            [](size_t i, Booted& machine) { return firmware_verdict(i, machine.kept.results()); },
            false},
      table_phase<acpi_tests>("acpi"),
      table_phase<machine_tests>("machine"),
      kernel_phase<kernel_tests>("kernel"),
      kernel_phase<mm_tests>("mm"),
      Phase{"memtest", kMemoryPatterns.size(),
            [](size_t i) -> const SelfTest& { return kMemoryPatterns[i].row; }, run_memtest}};
}

// What is to be run: the memory test, which takes its time, only when it is asked for by its own
// option.
struct Asked {
  Selection selection{};
  std::optional<MemtestOptions> memtest = std::nullopt;
  bool stress = false;

  [[nodiscard]] bool wants(const SelfTest& test) const {
    if (stress && std::string_view(test.id) == kStressTest) return true;
    if (std::string_view(test.id).substr(0, 8) == "memtest.") return memtest.has_value();
    return selection.wants(test.id);
  }
  [[nodiscard]] size_t count(const Phase& phase) const {
    size_t count = 0;
    for (size_t i = 0; i < phase.count; ++i) count += wants(phase.row(i)) ? 1 : 0;
    return count;
  }
};

// --- Telling -------------------------------------------------------------------------------------

// What failed, for the summary.
class Failures {
 public:
  void add(const SelfTest& test) {
    if (count_ < kept_.size()) kept_[count_] = &test;
    ++count_;
  }
  void print(const mm::Printer& out) const {
    using enum loader::Severity;
    for (const loader::Severity severity : {Critical, High, Medium, Low}) {
      for (size_t i = 0; i < count_ && i < kept_.size(); ++i) {
        if (kept_[i]->severity != severity) continue;
        out.line("  FAILED ({}) {}: not true that {}", loader::severity_name(severity),
                 kept_[i]->id, kept_[i]->title);
      }
    }
    if (count_ > kept_.size()) out.line("  and {} more", count_ - kept_.size());
  }

 private:
  std::array<const SelfTest*, 12> kept_{};  // a screen holds no more
  size_t count_ = 0;
};

void explain(Ktap& ktap, const SelfTest& test, const Verdict& verdict) {
  ktap.diagnostic("severity: ", loader::severity_name(test.severity));
  ktap.diagnostic("found: ", verdict.facts());
  ktap.diagnostic("rule: ", test.rule);
  ktap.diagnostic("advice: ", test.advice);
}

void tell(Ktap& ktap, const SelfTest& test, const Verdict& verdict, const loader::Handoff& handoff,
          Failures& failures) {
  const KnownFailure* known = known_failure(test.id, handoff);
  ktap.diagnostic("", test.title);  // whatever came out: a report says what was checked
  switch (verdict.outcome()) {
    case Outcome::Pass:
      if (*verdict.facts() != '\0') ktap.diagnostic("found: ", verdict.facts());
      if (known == nullptr) {
        ktap.ok(test.id);
      } else {
        ktap.unexpected_pass(test.id, known->reason);
        failures.add(test);
      }
      return;
    case Outcome::Skip:
      ktap.skip(test.id, verdict.facts());
      return;
    case Outcome::Fail:
      explain(ktap, test, verdict);
      if (known != nullptr) {
        ktap.expected_failure(test.id, known->reason);
      } else {
        ktap.not_ok(test.id);
        failures.add(test);
      }
      return;
  }
}

void list(const mm::Printer& out) {
  for (const Phase& phase : phases({})) {
    for (size_t i = 0; i < phase.count; ++i) {
      const SelfTest& test = phase.row(i);
      out.line("{:30} {:8} {}", test.id, loader::severity_name(test.severity), test.title);
    }
  }
}

// Names patterns that match nothing. Whether there were none.
bool check_patterns(const Selection& selection, const mm::Printer& out) {
  bool good = true;
  selection.for_each_pattern([&](std::string_view pattern) {
    for (const Phase& phase : phases({})) {
      for (size_t i = 0; i < phase.count; ++i) {
        if (loader::id_matches(pattern, phase.row(i).id)) return;
      }
    }
    Nearest nearest(pattern);
    for (const std::string_view word : {"list", "full"}) nearest.offer(word);
    for (const Phase& phase : phases({})) {
      nearest.offer(phase.name);
      for (size_t i = 0; i < phase.count; ++i) nearest.offer(phase.row(i).id);
    }
    out.part("selftest={} matches no test", pattern);
    nearest.print(out);
    out.line("{}selftest=list names them", nearest.word().empty() ? "; " : " ");
    good = false;
  });
  return good;
}

void summarise(const KtapTotals& totals, const Failures& failures) {
  log().line("Self-tests: {} passed, {} failed, {} skipped, {} known failure{}", totals.pass,
             totals.fail + totals.xpass, totals.skip, totals.xfail, totals.xfail == 1 ? "" : "s");
  failures.print(log());
}

bool run(Booted& machine, const Asked& asked, const mm::Printer& out) {
  size_t count = 0;
  for (const Phase& phase : phases(machine.kept.results()))
    count += asked.count(phase) != 0 ? 1 : 0;
  if (count == 0) return false;
  begin_run(machine,
            asked.memtest  ? memtest_name(*asked.memtest)
            : asked.stress ? "stress"
                           : "self-tests",
            log());
  if (asked.memtest) start_memtest(machine, *asked.memtest);

  Ktap document(out, count);
  KtapTotals totals;
  Failures failures;
  for (const Phase& phase : phases(machine.kept.results())) {
    const size_t tests = asked.count(phase);
    if (tests == 0) continue;
    Ktap ktap = Ktap::subtests(document, phase.name, tests);
    for (size_t i = 0; i < phase.count; ++i) {
      const SelfTest& test = phase.row(i);
      if (!asked.wants(test)) continue;
      if (phase.here) ktap.running(test.id);
      console().flush();
      if (phase.here) note_run(test.id, 0, 0);
      tell(ktap, test, phase.run(i, machine), machine.kept.handoff(), failures);
    }
    totals += ktap.totals();
    const bool good = ktap.finish();
    document.phase(phase.name, good, ktap.totals());
  }
  const bool good = document.finish();
  summarise(totals, failures);
  if (asked.memtest) finish_memtest(machine);
  end_run(machine, log());
  return good;
}

bool run_selection(Booted& machine, const Asked& asked, const mm::Printer& out) {
  if (asked.selection.list()) {
    list(out);
    return true;
  }
  const bool patterns_good = check_patterns(asked.selection, out);
  machine.exhaustive = asked.selection.full();
  return run(machine, asked, out) && patterns_good;
}

}  // namespace

bool run_selftests(Booted& machine, std::string_view words, const mm::Printer& out) {
  return run_selection(machine, {.selection = Selection::of_words(words)}, out);
}

bool run_stress(Booted& machine, uint64_t operations, const mm::Printer& out) {
  machine.stress = operations;
  const bool good = run_selection(machine, {.stress = true}, out);
  machine.stress = 0;
  return good;
}

std::optional<bool> run_asked_tests(Booted& machine, const mm::Printer& out) {
  Asked asked;
  if (const auto selftest = machine.options.find("selftest")) {
    asked.selection = Selection::of_words(selftest->value);
  }
  if (const auto memtest = machine.options.find("memtest")) {
    asked.memtest = parse_memtest(memtest->value, machine.relay.pages().node_count(), log());
    if (!asked.memtest) return false;
  }
  if (const auto stress = machine.options.find("stress")) {
    const auto operations = mm::number_of(stress->value);
    if (!operations || *operations == 0) {
      refuse(*stress, {"not a number of operations"}, log());
      return false;
    }
    machine.stress = *operations;
    asked.stress = true;
  }
  if (!asked.selection.asked() && !asked.memtest && !asked.stress) return std::nullopt;
  const bool good = run_selection(machine, asked, out);
  machine.stress = 0;
  return good;
}

}  // namespace kernel
