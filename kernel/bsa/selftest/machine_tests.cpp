// What an Arm machine's firmware has to set up for an OS.
#include "kernel/bsa/selftest/arch_facts.h"
#include "kernel/selftest/table_tests.h"

namespace kernel {
namespace {

using loader::Severity;
using loader::Verdict;

Verdict check_counter(const TableFacts& machine) {
  constexpr uint64_t kLeast = 1'000'000, kMost = 1'000'000'000;
  if (machine.arch == nullptr) return Verdict::skip("nothing is known of the CPU");
  const uint64_t hertz = machine.arch->counter_hertz;
  if (hertz == 0) return Verdict::fail("the counter's rate is not set");
  if (hertz < kLeast || hertz > kMost) return Verdict::fail("the counter runs at {} Hz", hertz);
  return Verdict::pass();
}

Verdict check_gic(const TableFacts& machine) {
  if (machine.arch == nullptr) return Verdict::skip("nothing is known of the CPU");
  if (machine.arch->gic == nullptr) return Verdict::fail("no interrupt controller could be opened");
  loader::Facts facts;
  facts.say("{}", machine.arch->gic);
  return {loader::Outcome::Pass, facts};
}

constexpr TableTest kTests[] = {
    {{"machine.counter", "the firmware has set the system counter's rate", Severity::High,
      "Arm ARM section D11.1.2: CNTFRQ_EL0; Arm DEN 0094 section 3.8",
      "Time runs wrong in every OS. Firmware vendor."},
     check_counter},
    {{"machine.gic", "the CPU's interrupt controller is where the firmware says", Severity::High,
      "ACPI 6.5 sections 5.2.12.14 to 5.2.12.17; device tree bindings arm,gic and arm,gic-v3",
      "No interrupts, no other CPUs. Firmware vendor."},
     check_gic},
};

}  // namespace

std::span<const TableTest> arch_table_tests() { return kTests; }

}  // namespace kernel
