// Frames of page tables as they are met, those that follow each other as one range.
#pragma once

#include <cstddef>
#include <span>

#include "mm/types.h"

namespace loader {

class TableRuns {
 public:
  explicit TableRuns(std::span<mm::Range> out) : out_(out) {}

  void note(mm::Phys table) {
    if (found_ != 0 && table == last_.end) {
      last_.end += mm::kPageSize;
    } else {
      last_ = {table, table + mm::kPageSize};
      ++found_;
    }
    if (found_ <= out_.size()) out_[found_ - 1] = last_;
  }
  // Ranges, those behind what fits included.
  [[nodiscard]] size_t found() const { return found_; }

 private:
  std::span<mm::Range> out_;
  mm::Range last_;
  size_t found_ = 0;
};

}  // namespace loader
