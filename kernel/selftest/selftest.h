// The self-tests: all phases' results as one KTAP document, its plan first.
//
// A phase is a list of tests (loader/handoff/self_test.h says what a test is); ids begin with its
// name. The firmware phase ran in the loader, and only its results are here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/booted.h"
#include "loader/handoff/self_test.h"
#include "mm/print.h"

namespace kernel {

using loader::Verdict;

// Of most of the kernel's own tests: what it means when one fails.
inline constexpr const char* kOurs =
    "Baton's own fault, or broken memory: run `memtest`; if that passes, tell Baton's authors.";

struct KernelTest {
  loader::SelfTest row;
  Verdict (*run)(Booted& machine);
};

// One file's tests, in the order in which they run.
using KernelTests = std::span<const KernelTest>();
KernelTests handoff_tests, page_table_tests, free_page_tests, cpu_tests, error_tests,
    arch_kernel_tests;
KernelTests buddy_tests, allocator_rule_tests, node_tests, cpu_memory_tests;

// Phases "kernel" and "mm": the files that they consist of.
[[nodiscard]] std::span<KernelTests* const> kernel_tests();
[[nodiscard]] std::span<KernelTests* const> mm_tests();

// Runs what `words` ask for (what stands behind `selftest=`; loader::Selection) and prints the
// document, then a summary for a person in the log. With `list` it prints ids and titles instead.
// Whether none failed and all ran; a pattern that matches no test counts as a failure.
bool run_selftests(Booted& machine, std::string_view words, const mm::Printer& out);
// The stress test alone, of so many operations.
bool run_stress(Booted& machine, uint64_t operations, const mm::Printer& out);
// The same for the words `selftest`, `stress` and `memtest` of the boot's options, in one document;
// nothing when none is there.
std::optional<bool> run_asked_tests(Booted& machine, const mm::Printer& out);

}  // namespace kernel
