// Frames of page tables as they are met, those that follow each other as one range; and as many as a
// firmware may have, as tables that lead to themselves have no end.
#pragma once

#include <cstddef>
#include <span>

#include "mm/result.h"
#include "mm/types.h"

namespace loader {

class TableRuns {
 public:
  // 4 GiB of tables: they map 2 TiB by 4 KiB pages, 1 PiB by those of 2 MiB.
  static constexpr size_t kMostTables = size_t{1} << 20;

  explicit TableRuns(std::span<mm::Range> out) : out_(out) {}

  void note(mm::Phys table) {
    ++tables_;
    if (found_ != 0 && table == last_.end) {
      last_.end += mm::kPageSize;
    } else {
      last_ = {table, table + mm::kPageSize};
      ++found_;
    }
    if (found_ <= out_.size()) out_[found_ - 1] = last_;
  }
  // Then a walk goes no deeper, and is over soon.
  [[nodiscard]] bool too_many() const { return tables_ > kMostTables; }
  // Ranges, those behind what fits included.
  [[nodiscard]] mm::Result<size_t> found() const {
    if (!too_many()) return found_;
    return mm::Error{"they lead to themselves, or to more than there can be (tables allowed {})",
                     "the firmware's page tables", kMostTables};
  }

 private:
  std::span<mm::Range> out_;
  mm::Range last_;
  size_t found_ = 0, tables_ = 0;
};

}  // namespace loader
