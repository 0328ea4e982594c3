// What the CPU keeps the kernel from.
#pragma once

#include "kernel/selftest/selftest.h"

namespace kernel {

Verdict test_protections(Booted& machine);

inline constexpr KernelTest kProtectionTest{
    {"kernel.cpu.protection",
     "on each CPU all that it has to protect the kernel is on, and no CET is left on",
     loader::Severity::Medium, "Intel SDM vol. 3A section 2.5: CR0, CR4; CPUID leaf 7; IA32_S_CET",
     kOurs},
    test_protections};

}  // namespace kernel
