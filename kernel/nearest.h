// "Did you mean": the known word that is nearest to one that nobody knows. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "mm/print.h"

namespace kernel {

// How many letters must be added, left out, changed, or exchanged with the one beside them, to make
// one word of the other (the "optimal string alignment" distance). One longer than kMaxWord
// has nothing in common with another.
inline constexpr size_t kMaxWord = 40;
[[nodiscard]] size_t letters_apart(std::string_view one, std::string_view other);

// Is offered the known words one by one and keeps the nearest, the first of several. Near is one of
// which at most a third is otherwise; or, when there is none, one of which what was typed is the
// beginning, three letters or more.
class Nearest {
 public:
  explicit Nearest(std::string_view typed) : typed_(typed) {}

  // The word offered must outlive this.
  void offer(std::string_view known);
  // Empty when none is near.
  [[nodiscard]] std::string_view word() const { return word_; }
  // `; did you mean "help"?`, or nothing; no line end.
  void print(const mm::Printer& out) const;

 private:
  std::string_view typed_;
  std::string_view word_;
  size_t apart_ = kMaxWord + 1;
};

}  // namespace kernel
