// A fuzz target: something that takes input from outside, and what holds whatever that is.
//
// tests/fuzz/NAME_fuzz.cpp has the target NAME. libFuzzer feeds it (`make fuzz`, tests/fuzz/engine.cpp), and
// the unit tests give it each file of tests/fuzz/corpus/NAME/ once (tests/unit/corpora_test.cpp). Words that
// its input is made of may stand in tests/fuzz/NAME.dict, in libFuzzer's form.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "mm/print.h"

namespace fuzz {

using Bytes = std::vector<uint8_t>;

// Ends the run of this input, and is its failure.
inline void check(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  throw std::logic_error(std::string(file) + ":" + std::to_string(line) + ": does not hold");
}

// An input, taken apart from its front; behind its end are zeros.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), left_(size) {}

  [[nodiscard]] bool empty() const { return left_ == 0; }
  [[nodiscard]] size_t left() const { return left_; }
  uint8_t byte() { return number<uint8_t>(); }
  template <class T>
  T number() {
    T value{};
    const size_t size = std::min(left_, sizeof value);
    if (size != 0) std::memcpy(&value, at_, size);
    skip(size);
    return value;
  }
  // So many bytes, as far as there are, in memory of just their size: a byte beyond is seen.
  Bytes bytes(size_t most) {
    const size_t size = std::min(left_, most);
    Bytes taken(at_, at_ + size);
    skip(size);
    return taken;
  }
  std::string text(size_t most) {
    const Bytes taken = bytes(most);
    return {taken.begin(), taken.end()};
  }
  Bytes rest() { return bytes(left_); }
  std::string rest_of_text() { return text(left_); }

 private:
  void skip(size_t size) {
    at_ += size;
    left_ -= size;
  }

  const uint8_t* at_;
  size_t left_;
};

template <class Print>
std::string printed_by(Print print) {
  std::string text;
  print(mm::Printer(
      [](void* to, std::string_view said) { static_cast<std::string*>(to)->append(said); }, &text));
  return text;
}

inline bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}
// The same of lines, each with its end.
inline bool are_printable_lines(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

struct Target;
inline std::vector<const Target*>& targets() {
  static std::vector<const Target*> all;
  return all;
}
struct Target {
  const char* name;
  void (*run)(const uint8_t* data, size_t size);

  Target(const char* called, void (*what)(const uint8_t*, size_t)) : name(called), run(what) {
    targets().push_back(this);
  }
};

}  // namespace fuzz

// FUZZ_TARGET(name) { ... data, size ... }
#define FUZZ_TARGET(name)                                             \
  static void fuzz_##name(const uint8_t* data, size_t size);          \
  static const fuzz::Target target_##name(#name, fuzz_##name);        \
  static void fuzz_##name([[maybe_unused]] const uint8_t* const data, \
                          [[maybe_unused]] const size_t size)
