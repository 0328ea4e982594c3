// How a line that is longer than the screen is wide goes on in the next row: between words, so that
// no number or name is cut in two, and indented, so that rows of a table stand below each other.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kernel {

class Fold {
 public:
  constexpr explicit Fold(size_t columns = 0) : columns_(columns) {}

  // A line begins, or is written anew from its beginning.
  void line();
  // The cursor was moved within the row.
  void at(size_t column);

  struct Step {
    bool write = true;  // otherwise it is a blank beyond the last column, kept until a word follows
    // The next row begins before the character is written: there the last `moved` characters of
    // this row (a word begun and the blanks in front of it) stand behind `indent` blanks, then
    // `blanks`.
    bool folds = false;
    size_t moved = 0, indent = 0, blanks = 0;
  };
  // Takes the next printable character of the line; with 0 columns nothing folds.
  Step take(char c);
  // Takes it if it is one of many: behind the line's lead, and with a place in this row.
  bool take_plain(char c) {
    if (state_ != Lead::Over || column_ >= columns_) return false;
    go_on(c);
    return true;
  }

 private:
  enum class Lead : uint8_t { Begin, Stamp, Blanks, Over };

  void look_at_lead(char c);
  void go_on(char c) {
    if (c == ' ' && after_word_) field_ = column_;
    after_word_ = c != ' ';
    ++column_;
    if (c == ',') comma_ = column_;
  }
  [[nodiscard]] size_t indent() const;

  size_t columns_;
  size_t column_ = 0;
  size_t field_ = 0;         // column where the last word begins, with the blanks in front of it
  size_t comma_ = 0;         // column behind the last comma
  size_t row_start_ = 0;     // column where this row's text begins
  size_t held_ = 0;          // blanks beyond the last column
  bool blank_edge_ = false;  // and the last column has one too
  size_t lead_ = 0;          // length of `[    0.000000] ` and blanks at the line's beginning
  Lead state_ = Lead::Begin;
  bool after_word_ = false;  // the last character was no blank
};

}  // namespace kernel
