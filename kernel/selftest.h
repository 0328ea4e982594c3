// The kernel's self-tests: rows of a table, one KTAP document.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

class Verdict {
 public:
  enum class Kind : uint8_t { Pass, Fail, Skip };

  static Verdict pass() { return Verdict(Kind::Pass); }
  // What was found; longer texts than there is room for end in "...".
  static Verdict fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
  static Verdict skip(const char* format, ...) __attribute__((format(printf, 1, 2)));

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool passed() const { return kind_ == Kind::Pass; }
  [[nodiscard]] const char* facts() const { return facts_.data(); }

 private:
  explicit Verdict(Kind kind) : kind_(kind) {}
  void say(const char* format, va_list args);

  Kind kind_;
  std::array<char, 240> facts_{};
};

struct SelfTest {
  const char* id;  // stable
  const char* title;
  Verdict (*run)(Booted& machine);
};
[[nodiscard]] std::span<const SelfTest> selftests();

// Whether a test's id matches a pattern, in which * stands for any characters.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view text);

// Runs the tests whose id matches (all, for "" and "full") and prints the document; "list" prints
// the ids instead. Whether all passed; a pattern that matches none has not.
bool run_selftests(Booted& machine, std::string_view pattern, const mm::Printer& out);

}  // namespace kernel
