// The words of the kernel's command line: `selftest poweroff mem=2G`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "mm/option_words.h"
#include "mm/print.h"
#include "mm/result.h"

namespace kernel {

// One word the kernel knows.
struct OptionRow {
  enum class Value : uint8_t { None, Optional, Needed };
  std::string_view name;
  Value value;
  const char* help;  // begins with the word as it is written: `mem=SIZE: ...`
};
// All that the loader or the kernel obeys; a test compares it with what their sources look for.
[[nodiscard]] std::span<const OptionRow> known_options();

using Option = mm::OptionWord;

// The words of a text (mm/option_words.h). The text outlives it.
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
    for (Option option = mm::take_option_word(rest); !option.text.empty();
         option = mm::take_option_word(rest)) {
      visit(option);
    }
  }

  // Names each unknown word, each missing value, each value that is not wanted and each quote that
  // is not closed, one line each. Returns how many there were.
  size_t complain(const mm::Printer& out) const;

 private:
  std::string_view text_;
};

// Says why an option has no effect, with the option as it stands in the text; where a backslash is
// in it, whose that is.
void refuse(const Option& option, const mm::Error& error, const mm::Printer& out);

}  // namespace kernel
