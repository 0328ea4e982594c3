// What a self-test is, on both sides of the jump: the firmware phase runs in the loader, the others
// in the kernel, and all of them are told in one document.
//
// A test is a row of a table and a function. Its id is stable: scripts, lists of known failures and
// people's notes refer to it. An id is words with dots between them, and the first one names the
// phase: "efi.map.overlap".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "mm/print.h"

namespace loader {

// What a failure costs. Critical: an OS may lose or corrupt memory, or not start at all. High:
// memory, CPUs or devices are missing or slow. Medium: something does less than it should. Low:
// untidy, or against the letter of a specification only.
enum class Severity : uint8_t { Low, Medium, High, Critical };
[[nodiscard]] const char* severity_name(Severity severity);

// The numbers are the handoff's. Skip: there is nothing to test here, or the firmware leaves out
// what it may leave out; the facts say which.
enum class Outcome : uint32_t { Pass = 0, Fail = 1, Skip = 2 };

struct SelfTest {
  const char* id;
  const char* title;
  Severity severity;
  const char* rule;    // what must hold, and who says so
  const char* advice;  // what it means for an OS when it does not, and whom to ask
};

// An id as a number, which stays the same whatever tests come and go: FNV-1a, 32 bits.
constexpr uint32_t self_test_number(std::string_view id) {
  uint32_t hash = 0x811c9dc5;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  return hash;
}

// What a test found out, as a person reads it: one line or several.
class Facts {
 public:
  static constexpr size_t kSize = 248;  // NUL included; HandoffResult has as much

  // Adds a line. Lines that do not fit end in "...", and those after them are left out.
  template <class... Args>
  [[gnu::always_inline]] void say(mm::Format<std::type_identity_t<Args>...> format, Args... args) {
    say_values(format, mm::Values<Args...>(args...).v);
  }
  void say_values(mm::Wording format, const uint64_t* values);
  [[nodiscard]] const char* text() const { return text_.data(); }
  [[nodiscard]] bool empty() const { return length_ == 0; }

 private:
  static void sink(void* self, std::string_view text);
  void put(std::string_view text);

  std::array<char, kSize> text_{};
  size_t length_ = 0;
  bool full_ = false;
};

// What came out of a test, in whatever room it stands.
class Verdict {
 public:
  static Verdict pass() { return Verdict(Outcome::Pass); }
  // What was found; longer texts than there is room for end in "...".
  template <class... Args>
  [[gnu::always_inline]] static Verdict fail(mm::Format<std::type_identity_t<Args>...> format,
                                             Args... args) {
    return Verdict(Outcome::Fail, format, mm::Values<Args...>(args...).v);
  }
  template <class... Args>
  [[gnu::always_inline]] static Verdict skip(mm::Format<std::type_identity_t<Args>...> format,
                                             Args... args) {
    return Verdict(Outcome::Skip, format, mm::Values<Args...>(args...).v);
  }
  Verdict(Outcome outcome, const Facts& facts) : outcome_(outcome), facts_(facts) {}

  [[nodiscard]] Outcome outcome() const { return outcome_; }
  [[nodiscard]] bool passed() const { return outcome_ == Outcome::Pass; }
  [[nodiscard]] bool failed() const { return outcome_ == Outcome::Fail; }
  [[nodiscard]] const char* facts() const { return facts_.text(); }

 private:
  explicit Verdict(Outcome outcome) : outcome_(outcome) {}
  Verdict(Outcome outcome, mm::Wording format, const uint64_t* values);

  Outcome outcome_;
  Facts facts_;
};

// Which tests a boot's options ask for: `selftest`, or `selftest=` and words with commas between
// them: `full` (what is exhaustive runs too), `list` (nothing runs, the tests are named), and
// patterns of ids. In a pattern `*` stands for any text; one without it means the test of that id
// and all below it (`efi.map` is also `efi.map.overlap`). Without a pattern all tests are meant.
class Selection {
 public:
  Selection() = default;  // nothing is asked for
  // From the words of an options line; the last `selftest` wins.
  explicit Selection(std::string_view options);
  // From what stands behind `selftest=`; nothing there means all tests.
  [[nodiscard]] static Selection of_words(std::string_view words);

  [[nodiscard]] bool asked() const { return asked_; }
  [[nodiscard]] bool list() const { return list_; }
  [[nodiscard]] bool full() const { return full_; }
  [[nodiscard]] bool wants(std::string_view id) const;
  // Calls visit(std::string_view) for each pattern.
  template <class Visit>
  void for_each_pattern(Visit visit) const {
    std::string_view rest = words_;
    for (std::string_view word = take(rest); !word.empty(); word = take(rest)) {
      if (word != "full" && word != "list") visit(word);
    }
  }

 private:
  static std::string_view take(std::string_view& rest);
  void read_words();

  std::string_view words_;  // of the options text, which outlives this
  bool asked_ = false, list_ = false, full_ = false, patterns_ = false;
};

// How a line about self-tests went, where it counts them as `12 passed, 0 failed` does; nothing
// where it does not.
struct Counted {
  uint64_t passed = 0, failed = 0;
};
[[nodiscard]] std::optional<Counted> counted_in(std::string_view line);

// Whether the id is meant by the pattern.
[[nodiscard]] bool id_matches(std::string_view pattern, std::string_view id);

}  // namespace loader
