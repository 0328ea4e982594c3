// Intel SDM vol. 3A section 4.5.
#include <utility>

#include "loader/arch.h"
#include "loader/table_runs.h"

namespace loader {
namespace {

constexpr uint64_t kPresent = 1, kLarge = 128, kAddress = 0x000f'ffff'ffff'f000;

constexpr unsigned kEntries = 512, kGroup = 64;

// Only levels 2 and 3 have large pages.
constexpr bool is_table(uint64_t entry, unsigned level) {
  return (entry & kPresent) != 0 && (level > 3 || (entry & kLarge) == 0);
}

template <size_t... kIndex>
uint64_t common_bits(const uint64_t* entries, std::index_sequence<kIndex...> /*indices*/) {
  return (entries[kIndex] & ...);
}

// Firmware that maps all of a 40-bit address space by 2 MiB has half a million entries, nearly all
// of them large pages: so no question for each, and one instruction.
bool all_are_large_pages(const uint64_t* entries) {
  constexpr uint64_t kWanted = kPresent | kLarge;
  return (common_bits(entries, std::make_index_sequence<kGroup>{}) & kWanted) == kWanted;
}

class Walk {
 public:
  Walk(const mm::DirectMap& reach, std::span<mm::Range> out) : reach_(reach), runs_(out) {}

  void visit(mm::Phys table, unsigned level) {
    runs_.note(table);
    if (level == 1 || runs_.too_many()) return;
    const auto* const entries = reach_.at<const uint64_t>(table);
    for (unsigned i = 0; i < kEntries; i += kGroup) {
      if (level <= 3 && all_are_large_pages(entries + i)) continue;
      for (unsigned j = i; j < i + kGroup; ++j) {
        if (is_table(entries[j], level)) visit(mm::Phys{entries[j] & kAddress}, level - 1);
      }
    }
  }
  [[nodiscard]] mm::Result<size_t> found() const { return runs_.found(); }

 private:
  mm::DirectMap reach_;
  TableRuns runs_;
};

}  // namespace

mm::Result<size_t> live_page_tables(const LiveTables& tables, const mm::DirectMap& reach,
                                    std::span<mm::Range> out) {
  Walk walk(reach, out);
  walk.visit(tables.root, tables.levels);
  return walk.found();
}

}  // namespace loader
