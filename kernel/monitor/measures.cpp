// What takes a while: the memory test, and what things cost.
#include "kernel/monitor/commands.h"

#include <array>

#include "kernel/bench.h"
#include "kernel/console.h"
#include "kernel/memtest/memtest_phase.h"
#include "kernel/run_record.h"
#include "kernel/selftest/selftest.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

using mm::Printer;

void test_memory(Booted& machine, std::string_view argument, const Printer& out) {
  const auto options = parse_memtest(argument, machine.relay.pages().node_count(), out);
  if (!options) return;
  begin_run(machine, memtest_name(*options), log());
  start_memtest(machine, *options);
  for (size_t i = 0; i < kMemoryPatterns.size(); ++i) {
    const Verdict verdict = run_memtest(i, machine);
    if (verdict.outcome() == loader::Outcome::Skip) continue;
    out.line("{} {} {}", verdict.passed() ? "ok" : "not ok", kMemoryPatterns[i].row.id,
             verdict.facts());
  }
  finish_memtest(machine);
  end_run(machine, log());
}

void stress(Booted& machine, std::string_view argument, const Printer& out) {
  const auto operations = mm::number_of(argument);
  if (!operations || *operations == 0) return out.line("stress needs N, a number of operations");
  (void)run_stress(machine, *operations, out);
}

void measure(Booted& machine, std::string_view argument, const Printer& out) {
  bench_start(machine, out);
  bench_allocator(machine, argument, out);
}

constexpr std::array kCommands{
    Command{"memtest", "[WORDS]", "test free memory: quick or full, passes or overnight, node:N",
            test_memory},
    Command{"stress", "N", "all CPUs allocate and free, N times together", stress},
    Command{"bench", "[half]", "what the start and allocations cost; of half of memory", measure},
};

}  // namespace

std::span<const Command> measure_commands() { return kCommands; }

}  // namespace kernel
