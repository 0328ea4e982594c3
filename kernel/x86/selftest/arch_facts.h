// What this architecture's own tests of a machine look at.
#pragma once

#include "kernel/selftest/table_tests.h"
#include "mm/x86_64/mtrr.h"

namespace kernel {

struct ArchFacts {
  unsigned cpus;    // the boot CPU is number 0
  bool hypervisor;  // CPUs are somebody's program
  // As they were before the CPU was made like the boot CPU; null of one that is not up.
  const mm::Mtrrs* (*mtrrs)(unsigned cpu);
};

}  // namespace kernel
