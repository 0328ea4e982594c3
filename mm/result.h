// Errors are values: what was wrong, of which thing, and where.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

namespace mm {

// `what` is a sentence without a full stop; `subject` and `other` name the things it is about (a
// reservation, a file, an option; may be null); `a` and `b` are the numbers that show it (an
// address, a size, a count; `what` says which). Texts must outlive the error: literals, or names
// owned by the caller.
struct Error {
  const char* what = nullptr;
  const char* subject = nullptr;
  uint64_t a = 0;
  uint64_t b = 0;
  const char* other = nullptr;
};

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

}  // namespace mm

// The value of `expression`, or return its error from the function around it.
#define BATON_TRY(expression)                                    \
  __extension__({                                                \
    auto&& baton_try_result = (expression);                      \
    if (!baton_try_result.ok()) return baton_try_result.error(); \
    std::move(baton_try_result.value());                         \
  })
