// What this architecture's own tests of a machine look at.
#pragma once

#include <cstdint>

#include "kernel/selftest/table_tests.h"

namespace kernel {

struct ArchFacts {
  uint64_t counter_hertz;  // CNTFRQ_EL0
  const char* gic;         // "GICv2" or "GICv3"; null: there is none
};

}  // namespace kernel
