// Self-tests of the page allocator on this machine. Each leaves free memory as it found it.
#pragma once

#include "kernel/selftest/selftest.h"

namespace kernel {

Verdict test_free_is_free(Booted& machine);
Verdict test_counts(Booted& machine);
Verdict test_audit(Booted& machine);
Verdict test_largest_blocks(Booted& machine);
Verdict test_small_orders(Booted& machine);
Verdict test_orders(Booted& machine);
Verdict test_migratetypes(Booted& machine);
Verdict test_watermarks(Booted& machine);
Verdict test_cpu_lists(Booted& machine);
Verdict test_roads(Booted& machine);
Verdict test_node_local(Booted& machine);
Verdict test_node_fallback(Booted& machine);
Verdict test_wrong_frees(Booted& machine);

}  // namespace kernel
