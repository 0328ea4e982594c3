// Errors are values: what was wrong, of which thing, and where.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "mm/format.h"

namespace mm {

// What an Error says: a format for its two numbers, or for one or none of them.
class ErrorText {
 public:
  consteval ErrorText() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is what everybody writes
  consteval ErrorText(const char* text) : text_(text) {
    constexpr uint64_t kTwo = formatting::kinds_of<uint64_t, uint64_t>();
    (void)formatting::left_over(text, kTwo);
  }
  // NOLINTNEXTLINE(google-explicit-constructor): as text it is looked at
  constexpr operator const char*() const { return text_; }

 private:
  const char* text_ = nullptr;
};

// `what` is a sentence without a full stop, and names the numbers that show it: "no room (bytes {},
// below {:#x})" for `a` and `b`. `subject` and `other` name the things it is about (a reservation,
// a file, an option; may be null). Texts must outlive the error: literals, or names owned by the
// caller. Printed: `subject: no room (bytes 4096, below 0x1000), other`.
struct Error {
  ErrorText what;
  const char* subject = nullptr;
  uint64_t a = 0;
  uint64_t b = 0;
  const char* other = nullptr;
};
void print_error(const Printer& out, const Spec& spec, uint64_t error, uint64_t none);
inline Printed printed(const Error& error) {
  return {print_error, reinterpret_cast<uintptr_t>(&error), 0};
}

struct Nothing {};

// Either a T or an Error. T is default constructible and cheap to copy.
template <class T = Nothing>
class [[nodiscard]] Result {
 public:
  constexpr Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit on purpose
  constexpr Result(Error error) : error_(error), failed_(true) {}  // NOLINT: implicit on purpose
  constexpr Result() requires(std::is_same_v<T, Nothing>) {}

  [[nodiscard]] constexpr bool ok() const { return !failed_; }
  constexpr explicit operator bool() const { return ok(); }
  // Only when ok().
  [[nodiscard]] constexpr const T& value() const { return value_; }
  [[nodiscard]] constexpr T& value() { return value_; }
  // Only when not ok().
  [[nodiscard]] constexpr const Error& error() const { return error_; }

 private:
  T value_{};
  Error error_{};
  bool failed_ = false;
};

// The value, moved out; for BATON_TRY, who may have no use for it.
template <class R>
constexpr auto taken(R& result) {
  return std::move(result.value());
}

}  // namespace mm

// The value of `expression`, or return its error from the function around it.
#define BATON_TRY(expression)                                    \
  __extension__({                                                \
    auto&& baton_try_result = (expression);                      \
    if (!baton_try_result.ok()) return baton_try_result.error(); \
    ::mm::taken(baton_try_result);                               \
  })
