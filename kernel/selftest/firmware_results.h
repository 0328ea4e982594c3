// What the firmware phase found out, which ran in the loader: its results in the handoff, each
// found by its test's number.
#pragma once

#include <cstddef>
#include <span>

#include "loader/handoff/handoff.h"
#include "loader/handoff/self_test.h"

namespace kernel {

// The phase's tests: those that the kernel knows and, where the handoff has results of others, one
// more that says so, and fails.
[[nodiscard]] size_t firmware_test_count(std::span<const loader::HandoffResult> results);
[[nodiscard]] const loader::SelfTest& firmware_test(size_t index);
[[nodiscard]] loader::Verdict firmware_verdict(size_t index,
                                               std::span<const loader::HandoffResult> results);

}  // namespace kernel
