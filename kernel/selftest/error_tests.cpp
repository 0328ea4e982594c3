// What the hardware has told of errors.
#include "kernel/hardware_errors.h"
#include "kernel/selftest/selftest.h"

namespace kernel {
namespace {

Verdict test_errors(Booted&) {
  collect_hardware_errors();
  const HardwareErrors& found = hardware_errors();
  const HardwareErrors& left = left_hardware_errors();
  if (!found.empty()) {
    return Verdict::fail("{} corrected and {} uncorrected errors since the kernel began",
                         found.corrected(), found.uncorrected());
  }
  if (left.empty()) return Verdict::pass();
  loader::Facts facts;
  facts.say("{} corrected and {} uncorrected errors were left from before", left.corrected(),
            left.uncorrected());
  return {loader::Outcome::Pass, facts};
}

constexpr KernelTest kTests[] = {
    {{"kernel.errors", "the hardware tells of no errors", loader::Severity::High,
      "Intel SDM vol. 3B chapter 16: errors that were found stand in machine-check banks",
      "The monitor's `mce` lists them; run `memtest`. Where they are of memory, seat or replace "
      "the "
      "module."},
     test_errors},
};

}  // namespace

std::span<const KernelTest> error_tests() { return kTests; }

}  // namespace kernel
