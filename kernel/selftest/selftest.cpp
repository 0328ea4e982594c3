#include "kernel/selftest/selftest.h"

#include <array>

#include "kernel/console.h"
#include "kernel/memtest/memtest_phase.h"
#include "kernel/nearest.h"
#include "kernel/selftest/known_failures.h"
#include "kernel/selftest/ktap.h"
#include "kernel/selftest/table_tests.h"
#include "loader/handoff/firmware_test_rows.h"

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

Verdict firmware_result(size_t index, Booted& machine) {
  for (const loader::HandoffResult& result : machine.kept.results()) {
    if (result.id != index) continue;
    loader::Facts facts;
    if (result.facts[0] != '\0') facts.say("{}", result.facts);
    return {static_cast<Outcome>(result.outcome), facts};
  }
  return Verdict::skip("it runs under the firmware, and this boot's options did not ask for it");
}

template <std::span<const KernelTest> (*kTests)()>
Phase kernel_phase(const char* name) {
  return {name, kTests().size(), [](size_t i) -> const SelfTest& { return kTests()[i].row; },
          [](size_t i, Booted& machine) { return kTests()[i].run(machine); }};
}

template <std::span<const TableTest> (*kTests)()>
Phase table_phase(const char* name) {
  return {name, kTests().size(), [](size_t i) -> const SelfTest& { return kTests()[i].row; },
          [](size_t i, Booted& machine) {
            loader::Facts facts;
            const Outcome outcome = run_table_test(kTests()[i], table_facts(machine), facts);
            return Verdict(outcome, facts);
          }};
}

std::array<Phase, 6> phases() {
  return {Phase{"efi", loader::kFirmwareTestRows.size(),
                [](size_t i) -> const SelfTest& { return loader::kFirmwareTestRows[i]; },
                firmware_result, false},
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
  Selection selection;
  std::optional<MemtestOptions> memtest;

  [[nodiscard]] bool wants(const SelfTest& test) const {
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

void tell(Ktap& ktap, const SelfTest& test, const Verdict& verdict, std::string_view firmware,
          Failures& failures) {
  const KnownFailure* known = known_failure(test.id, firmware);
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
  for (const Phase& phase : phases()) {
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
    for (const Phase& phase : phases()) {
      for (size_t i = 0; i < phase.count; ++i) {
        if (loader::id_matches(pattern, phase.row(i).id)) return;
      }
    }
    Nearest nearest(pattern);
    for (const std::string_view word : {"list", "full"}) nearest.offer(word);
    for (const Phase& phase : phases()) {
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

}  // namespace

Verdict::Verdict(Outcome outcome, mm::Wording format, const uint64_t* values) : outcome_(outcome) {
  facts_.say_values(format, values);
}

namespace {

bool run(Booted& machine, const Asked& asked, const mm::Printer& out) {
  size_t count = 0;
  for (const Phase& phase : phases()) count += asked.count(phase) != 0 ? 1 : 0;
  if (count == 0) return false;
  if (asked.memtest) start_memtest(machine, *asked.memtest);

  const std::string_view firmware(machine.kept.handoff().firmware_vendor);
  Ktap document(out, count);
  KtapTotals totals;
  Failures failures;
  for (const Phase& phase : phases()) {
    const size_t tests = asked.count(phase);
    if (tests == 0) continue;
    Ktap ktap = Ktap::subtests(document, phase.name, tests);
    for (size_t i = 0; i < phase.count; ++i) {
      const SelfTest& test = phase.row(i);
      if (!asked.wants(test)) continue;
      if (phase.here) ktap.running(test.id);
      tell(ktap, test, phase.run(i, machine), firmware, failures);
    }
    totals += ktap.totals();
    const bool good = ktap.finish();
    document.phase(phase.name, good, ktap.totals());
  }
  const bool good = document.finish();
  summarise(totals, failures);
  if (asked.memtest) finish_memtest(machine);
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
  return run_selection(machine, {Selection::of_words(words), {}}, out);
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
  if (!asked.selection.asked() && !asked.memtest) return std::nullopt;
  return run_selection(machine, asked, out);
}

}  // namespace kernel
