#include "kernel/nearest.h"

#include <algorithm>

namespace kernel {

size_t letters_apart(std::string_view one, std::string_view other) {
  if (std::max(one.size(), other.size()) > kMaxWord) return std::max(one.size(), other.size());
  // Rows of the table of all beginnings of `one` (down) against all of `other` (across).
  using Row = std::array<size_t, kMaxWord + 1>;
  Row before{};
  Row last{};
  Row row{};
  for (size_t j = 0; j <= other.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= one.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= other.size(); ++j) {
      const size_t changed = last[j - 1] + (one[i - 1] == other[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, changed});
      if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = last;
    last = row;
  }
  return last[other.size()];
}

void Nearest::offer(std::string_view known) {
  size_t apart = letters_apart(typed_, known);
  if (apart * 3 > std::max(typed_.size(), known.size())) {
    if (typed_.size() < 3 || !known.starts_with(typed_)) return;
    apart = kMaxWord;
  }
  if (apart >= apart_) return;
  apart_ = apart;
  word_ = known;
}

void Nearest::print(const mm::Printer& out) const {
  if (word_.empty()) return;
  out.part("; did you mean \"{}\"?", word_);
}

}  // namespace kernel
