// Self-tests of what the kernel was given: handoff, page tables, stacks, ledger.
#pragma once

#include "kernel/selftest/selftest.h"

namespace kernel {

Verdict test_handoff(Booted& machine);
Verdict test_ledger(Booted& machine);
Verdict test_write_xor_execute(Booted& machine);
Verdict test_image_read_only(Booted& machine);
Verdict test_pages_exact(Booted& machine);  // selftest_pages.cpp
Verdict test_guard_pages(Booted& machine);
Verdict test_protections(Booted& machine);

}  // namespace kernel
