#include "kernel/screen/fold.h"

#include <algorithm>

namespace kernel {

void Fold::line() { *this = Fold(columns_); }

void Fold::at(size_t column) {
  column_ = column;
  field_ = std::min(field_, column);
  comma_ = std::min(comma_, column);
  held_ = 0;
}

void Fold::look_at_lead(char c) {
  switch (state_) {
    case Lead::Begin:
    case Lead::Blanks:
      if (c == ' ') {
        ++lead_;
        state_ = Lead::Blanks;
      } else {
        state_ = c == '[' && column_ == 0 ? Lead::Stamp : Lead::Over;
      }
      return;
    case Lead::Stamp:
      if (c == ']') {
        lead_ = column_ + 1;
        state_ = Lead::Blanks;
      } else if (c != ' ' && c != '.' && (c < '0' || c > '9')) {
        state_ = Lead::Over;
      }
      return;
    case Lead::Over:
      return;
  }
}

size_t Fold::indent() const { return std::min(lead_ + 2, columns_ / 4); }

Fold::Step Fold::take(char c) {
  if (columns_ == 0) return {};
  Step step;
  if (column_ == columns_) {
    if (c == ' ') {
      if (held_++ == 0) blank_edge_ = !after_word_;
      after_word_ = false;
      return {.write = false};
    }
    step = {.folds = true, .indent = indent(), .blanks = held_};
    // A word that fills most of a row is cut behind a comma, or where the row ends.
    if (held_ == 0 || blank_edge_) {
      for (const size_t from : {field_, comma_}) {
        if (step.moved == 0 && from > row_start_ && columns_ - from <= columns_ / 2) {
          step.moved = columns_ - from;
        }
      }
    }
    step.blanks = std::min(step.blanks, columns_ / 4);
    field_ = comma_ = row_start_ = step.indent;
    column_ = step.indent + step.moved + step.blanks;
    held_ = 0;
  }
  look_at_lead(c);
  go_on(c);
  return step;
}

}  // namespace kernel
