// What the CPU keeps the kernel from.
#include "kernel/arch.h"
#include "kernel/selftest/selftest.h"

namespace kernel {
namespace {

using enum loader::Severity;

Verdict test_protections(Booted&) {
  const arch::Protection& pan = arch::protections()[0];
  if (!pan.there) return Verdict::skip("the CPU has no PAN");
  return pan.on ? Verdict::pass() : Verdict::fail("the CPU has PAN, and it is off");
}

constexpr KernelTest kTests[] = {
    {{"kernel.cpu.protection", "PAN is on where the CPU has it", Medium,
      "Arm ARM section D8.4.13: PSTATE.PAN; ID_AA64MMFR1_EL1", kOurs},
     test_protections},
};

}  // namespace

std::span<const KernelTest> arch_kernel_tests() { return kTests; }

}  // namespace kernel
