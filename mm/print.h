// How mm says what it found: printf's language, into whatever the world around supplies.
//
// Each world (kernel log, firmware console, a test's string) gives a sink; the sink receives text
// in pieces of any length, with '\n' at the end of a line. Nothing is cut: a line may be of any
// length. Conversions: %d %i %u %x %X %c %s %p %%, with h hh l ll z j, flags - 0 + # and blank,
// width and precision, also as *. No floating point. An unknown conversion is printed as it stands.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <span>
#include <string_view>

#include "mm/format.h"
#include "mm/result.h"

namespace mm {

class Printer {
 public:
  using Sink = void (*)(void* context, std::string_view text);

  constexpr Printer() = default;  // says nothing
  constexpr Printer(Sink sink, void* context) : sink_(sink), context_(context) {}

  // One whole line; the end of line is added.
  void line(const char* format, ...) const __attribute__((format(printf, 2, 3)));
  // A piece of a line.
  void part(const char* format, ...) const __attribute__((format(printf, 2, 3)));
  void vpart(const char* format, va_list args) const __attribute__((format(printf, 2, 0)));
  void text(std::string_view text) const {
    if (sink_ != nullptr) sink_(context_, text);
  }
  // `before: subject: what (0xa, 0xb), other` on one line; numbers and names only where present.
  void error(const char* before, const Error& error) const;

 private:
  Sink sink_ = nullptr;
  void* context_ = nullptr;
};

// Formats into `out`, always NUL-terminated when `out` is not empty. Returns the length the whole
// text has, without the NUL: at least out.size() when it did not fit, so the caller can tell.
size_t format(std::span<char> out, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Prints a format's words and values.
void print_values(const Printer& out, const Wording& format, const uint64_t* values);

}  // namespace mm
