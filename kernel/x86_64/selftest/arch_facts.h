// What this architecture's own tests of a machine look at.
#pragma once

#include <span>

#include "kernel/selftest/table_tests.h"
#include "mm/x86_64/mtrr.h"

namespace kernel {

struct ArchFacts {
  std::span<const mm::Mtrrs> mtrrs;  // of each CPU that is up, the boot CPU's first
};

}  // namespace kernel
