// Intel SDM vol. 3A sections 4.3 and 4.4. Firmware may have paging off, and then no tables.
#include "loader/arch.h"
#include "loader/ia32/page_entry.h"
#include "loader/table_runs.h"

namespace loader {
namespace {

constexpr uint64_t kPresent = 1, kLarge = 128, kPageMask = mm::kPageSize - 1;
constexpr uint64_t kAddress = 0x000f'ffff'ffff'f000;

// Entries of 4 bytes: two levels.
void visit_plain(const LiveTables& tables, const mm::DirectMap& reach, TableRuns& runs) {
  runs.note(tables.root);
  const auto* const entries = reach.at<const uint32_t>(tables.root);
  for (unsigned i = 0; i < tables.root_entries; ++i) {
    if ((entries[i] & (kPresent | kLarge)) == kPresent) {
      runs.note(mm::Phys{entries[i] & uint32_t{kAddress & 0xffff'ffff}});
    }
  }
}

void visit_pae(const LiveTables& tables, const mm::DirectMap& reach, TableRuns& runs) {
  // The root is 32 bytes, anywhere in a page.
  runs.note(mm::Phys{tables.root.v & ~kPageMask});
  const auto* const root = reach.at<const uint64_t>(tables.root);
  for (unsigned i = 0; i < tables.root_entries; ++i) {
    if ((root[i] & kPresent) == 0) continue;
    const mm::Phys directory{root[i] & kAddress};
    runs.note(directory);
    const auto* const entries = reach.at<const uint64_t>(directory);
    for (unsigned j = 0; j < mm::kPageSize / sizeof(uint64_t); ++j) {
      if ((entries[j] & (kPresent | kLarge)) == kPresent) {
        runs.note(mm::Phys{entries[j] & kAddress});
      }
    }
  }
}

}  // namespace

mm::Result<size_t> live_page_tables(const LiveTables& tables, const mm::DirectMap& reach,
                                    std::span<mm::Range> out) {
  TableRuns runs(out);
  if (tables.levels == ia32::kPaeLevels) {
    visit_pae(tables, reach, runs);
  } else if (tables.levels != 0) {
    visit_plain(tables, reach, runs);
  }
  return runs.found();
}

}  // namespace loader
