// The self-tests: all phases' results as one KTAP document, its plan first.
//
// A phase is a list of tests (loader/handoff/self_test.h says what a test is); ids begin with its
// name. The firmware phase ran in the loader, and only its results are here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "kernel/booted.h"
#include "loader/handoff/self_test.h"
#include "mm/print.h"

namespace kernel {

class Verdict {
 public:
  static Verdict pass() { return Verdict(loader::Outcome::Pass); }
  // What was found; longer texts than there is room for end in "...".
  template <class... Args>
  [[gnu::always_inline]] static Verdict fail(mm::Format<std::type_identity_t<Args>...> format,
                                             Args... args) {
    return Verdict(loader::Outcome::Fail, format, mm::Values<Args...>(args...).v);
  }
  template <class... Args>
  [[gnu::always_inline]] static Verdict skip(mm::Format<std::type_identity_t<Args>...> format,
                                             Args... args) {
    return Verdict(loader::Outcome::Skip, format, mm::Values<Args...>(args...).v);
  }
  Verdict(loader::Outcome outcome, const loader::Facts& facts) : outcome_(outcome), facts_(facts) {}

  [[nodiscard]] loader::Outcome outcome() const { return outcome_; }
  [[nodiscard]] bool passed() const { return outcome_ == loader::Outcome::Pass; }
  [[nodiscard]] const char* facts() const { return facts_.text(); }

 private:
  explicit Verdict(loader::Outcome outcome) : outcome_(outcome) {}
  Verdict(loader::Outcome outcome, mm::Wording format, const uint64_t* values);

  loader::Outcome outcome_;
  loader::Facts facts_;
};

struct KernelTest {
  loader::SelfTest row;
  Verdict (*run)(Booted& machine);
};
// Phases "kernel" and "mm".
[[nodiscard]] std::span<const KernelTest> kernel_tests();
[[nodiscard]] std::span<const KernelTest> mm_tests();

// Runs what `words` ask for (what stands behind `selftest=`; loader::Selection) and prints the
// document, then a summary for a person in the log. With `list` it prints ids and titles instead.
// Whether none failed and all ran; a pattern that matches no test counts as a failure.
bool run_selftests(Booted& machine, std::string_view words, const mm::Printer& out);
// The same for the words `selftest` and `memtest` of the boot's options, in one document; nothing
// when neither is there.
std::optional<bool> run_asked_tests(Booted& machine, const mm::Printer& out);

}  // namespace kernel
