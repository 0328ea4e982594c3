#include "kernel/memtest/memtest_phase.h"

#include <algorithm>

#include "kernel/arch.h"
#include "kernel/bad_pages.h"
#include "kernel/console.h"
#include "kernel/highmem.h"
#include "kernel/late.h"
#include "kernel/memory_module.h"
#include "kernel/memtest/live_picture.h"
#include "kernel/run_record.h"
#include "kernel/selftest/table_tests.h"
#include "kernel/smp/drain.h"

namespace kernel {
namespace {

constinit Late<MemtestState> late_state;
constinit MemtestOptions asked;
constinit MemtestPlan planned;

MemtestState& state() { return late_state.get(); }

// RAM through the direct map, or page by page where that does not reach it.
class DirectCells {
 public:
  explicit DirectCells(const mm::DirectMap& map) : map_(map) {}

  [[nodiscard]] uint64_t read(uint64_t address) const { return *at(address); }
  void write(uint64_t address, uint64_t value) const { *at(address) = value; }
  void copy(uint64_t from, uint64_t to, uint64_t bytes) const {
    if (form_ != nullptr) return form_->copy(virt(to), virt(from), bytes);
    // Page by page: highmem's do not follow each other.
    while (bytes != 0) {
      const auto left = [](uint64_t address) { return mm::kPageSize - address % mm::kPageSize; };
      const uint64_t part = std::min({bytes, left(from), left(to)});
      arch::copy_words(virt(to), virt(from), part / 8);
      from += part;
      to += part;
      bytes -= part;
    }
  }
  void choose(const RunForm* form) { form_ = form; }
  [[nodiscard]] bool fill(mm::Range run, uint64_t value) const {
    if (form_ != nullptr) form_->fill(virt(run.start.v), run.size(), value);
    return form_ != nullptr;
  }
  [[nodiscard]] std::optional<uint64_t> same(mm::Range run, uint64_t value) const {
    if (form_ == nullptr) return std::nullopt;
    return form_->same(virt(run.start.v), run.size(), value);
  }
  [[nodiscard]] std::optional<uint64_t> turn(mm::Range run, uint64_t before, uint64_t after,
                                             bool up) const {
    if (form_ == nullptr) return std::nullopt;
    const auto turn = up ? form_->turn_up : form_->turn_down;
    return turn(virt(run.start.v), run.size(), before, after);
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

  mm::DirectMap map_;
  const RunForm* form_ = nullptr;
};

std::string_view module_at(const void* context, mm::Phys address) {
  return module_of(*static_cast<const TableFacts*>(context), address);
}

mm::Result<> take_out(void* context, mm::PfnRange frames) {
  return static_cast<Relay*>(context)->take_back(arch::this_cpu(), frames, "BAD PAGES");
}

MemoryPlaces places(const Booted& machine) {
  return {&machine.relay.pages(), module_at, &table_facts(machine)};
}

constinit const Booted* tested = nullptr;

// Now and then while the memory is swept.
void look_around() {
  collect_hardware_errors();
  note_run(state().pattern, state().progress.standing().percent, state().errors);
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

}  // namespace

void start_memtest(Booted& machine, const MemtestOptions& options) {
  asked = options;
  drain_everywhere(machine.relay.pages());
  // What is there already is not the test's.
  collect_hardware_errors();
  tested = &machine;
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
  const uint64_t seconds = (planned.microseconds + 999'999) / 1'000'000;
  log().line("memtest: {} MiB, {} pass{}, will take about {}:{:02}", planned.bytes / mm::kMiB,
             asked.passes, asked.passes == 1 ? "" : "es", seconds / 60, seconds % 60);
}

Verdict run_memtest(size_t index, Booted& machine) {
  name_live_picture(kMemoryPatterns[index].row.id);
  console().flush();
  return memory_test(machine).run(kMemoryPatterns[index]);
}

void finish_memtest(Booted& machine) {
  end_live_picture();
  set_error_taker({});
  if (const auto retired = memory_test(machine).retire(); !retired.ok()) {
    log().error("memtest", retired.error());
  }
  print_outcome(state(), asked.passes, log());
  if (state().bad.empty()) return;
  for (size_t i = 0; i < state().bad.list().size(); ++i) {
    note_bad_page(state().bad.list()[i], state().bad.found_by(i));
  }
  leave_bad_pages(machine, log());
  const mm::Result<> closed = close_ledger(machine, log());
  if (!closed.ok()) log().error("ledger", closed.error());
}

}  // namespace kernel
