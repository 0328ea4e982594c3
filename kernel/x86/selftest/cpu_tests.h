// What the CPU keeps the kernel from.
#pragma once

#include "kernel/selftest/selftest.h"

namespace kernel {

Verdict test_protections(Booted& machine);

inline constexpr KernelTest kProtectionTest{
    {"kernel.cpu.protection", "SMEP, SMAP and UMIP are on where the CPU has them",
     loader::Severity::Medium, "Intel SDM vol. 3A section 2.5: CR4; CPUID leaf 7", kOurs},
    test_protections};

}  // namespace kernel
