#include "loader/x86_64/live_tables.h"

#include <cstdint>

namespace loader {
namespace {

constexpr uint64_t kPresent = 1, kLarge = 128, kAddress = 0x000f'ffff'ffff'f000;

class Walk {
 public:
  Walk(const mm::DirectMap& reach, std::span<mm::Range> out) : reach_(reach), out_(out) {}

  void visit(mm::Phys table, unsigned level) {
    note(table);
    if (level == 1) return;
    // There are half a million entries and more to look at: one comparison each.
    const uint64_t looked_at = level <= 3 ? kPresent | kLarge : kPresent;
    const auto* const entries = reach_.at<const uint64_t>(table);
    for (unsigned i = 0; i < 512; ++i) {
      const uint64_t entry = entries[i];
      if ((entry & looked_at) != kPresent) continue;
      visit(mm::Phys{entry & kAddress}, level - 1);
    }
  }
  [[nodiscard]] size_t found() const { return found_; }

 private:
  void note(mm::Phys table) {
    if (found_ != 0 && table == last_.end) {
      last_.end += mm::kPageSize;
    } else {
      last_ = {table, table + mm::kPageSize};
      ++found_;
    }
    if (found_ <= out_.size()) out_[found_ - 1] = last_;
  }

  mm::DirectMap reach_;
  std::span<mm::Range> out_;
  mm::Range last_;
  size_t found_ = 0;
};

}  // namespace

size_t live_page_tables(mm::Phys root, unsigned levels, const mm::DirectMap& reach,
                        std::span<mm::Range> out) {
  Walk walk(reach, out);
  walk.visit(root, levels);
  return walk.found();
}

}  // namespace loader
