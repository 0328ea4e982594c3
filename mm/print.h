// How mm says what it found, into whatever the world around supplies; the language is
// mm/format.h's.
//
// Each world (kernel log, firmware console, a test's string) gives a sink; the sink receives text
// in pieces of any length, with '\n' at the end of a line. Nothing is cut: a line may be of any
// length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "mm/format.h"
#include "mm/result.h"

namespace mm {

class Printer {
 public:
  using Sink = void (*)(void* context, std::string_view text);

  constexpr Printer() = default;  // says nothing
  constexpr Printer(Sink sink, void* context) : sink_(sink), context_(context) {}

  // One whole line; the end of line is added.
  template <class... Args>
  [[gnu::always_inline]] void line(Format<std::type_identity_t<Args>...> format,
                                   Args... args) const {
    line_of(format, Values<Args...>(args...).v);
  }
  // A piece of a line.
  template <class... Args>
  [[gnu::always_inline]] void part(Format<std::type_identity_t<Args>...> format,
                                   Args... args) const {
    part_of(format, Values<Args...>(args...).v);
  }
  void text(std::string_view text) const {
    if (sink_ != nullptr) sink_(context_, text);
  }
  // `before: subject: what (start 0xa, size 10), other` on one line; names only where present.
  void error(const char* before, const Error& error) const;

  // For who has a format's words and values already.
  void line_of(Wording format, const uint64_t* values) const;
  void part_of(Wording format, const uint64_t* values) const;

 private:
  Sink sink_ = nullptr;
  void* context_ = nullptr;
};

// Formats into `out`, always NUL-terminated when `out` is not empty. Returns the length the whole
// text has, without the NUL: at least out.size() when it did not fit, so the caller can tell.
size_t format_values(std::span<char> out, Wording format, const uint64_t* values);
template <class... Args>
[[gnu::always_inline]] inline size_t format(std::span<char> out,
                                            Format<std::type_identity_t<Args>...> format,
                                            Args... args) {
  return format_values(out, format, Values<Args...>(args...).v);
}

}  // namespace mm
