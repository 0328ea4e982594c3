// The words of the kernel's command line: `selftest poweroff mem=2G`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "mm/print.h"
#include "mm/result.h"

namespace kernel {

// One word the kernel knows.
struct OptionRow {
  enum class Value : uint8_t { None, Optional, Needed };
  std::string_view name;
  Value value;
  const char* help;
};
[[nodiscard]] std::span<const OptionRow> known_options();

struct Option {
  std::string_view name, value;  // value is empty when there is no '='
};

// The words of a text, separated by blanks and control characters. The text outlives it.
class Options {
 public:
  Options() = default;
  explicit Options(std::string_view text) : text_(text) {}

  [[nodiscard]] std::string_view text() const { return text_; }
  // Whether the word is there, with or without a value.
  [[nodiscard]] bool has(std::string_view name) const { return find(name).has_value(); }
  // The word, where it is there; the last one of several wins.
  [[nodiscard]] std::optional<Option> find(std::string_view name) const;
  // Calls visit(Option) for every word, in order.
  template <class Visit>
  void for_each(Visit visit) const {
    std::string_view rest = text_;
    for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
      visit(split(word));
    }
  }

  // Names each unknown word, each missing value and each value that is not wanted, one line each.
  // Returns how many there were.
  size_t complain(const mm::Printer& out) const;

 private:
  static std::string_view take_word(std::string_view& rest);
  static Option split(std::string_view word);

  std::string_view text_;
};

}  // namespace kernel
