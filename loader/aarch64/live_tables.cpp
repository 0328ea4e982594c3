#include "loader/aarch64/page_entry.h"
#include "loader/arch.h"
#include "loader/table_runs.h"

namespace loader {
namespace {

using aarch64::PageEntry;

void visit(mm::Phys table, unsigned level, unsigned entries, const mm::DirectMap& reach,
           TableRuns& runs) {
  runs.note(mm::align_down(table, mm::kPageSize));
  if (level == 1 || runs.too_many()) return;
  const auto* const all = reach.at<const uint64_t>(table);
  for (unsigned i = 0; i < entries; ++i) {
    if (!PageEntry::is_present(all[i]) || !PageEntry::is_table(all[i], level)) continue;
    visit(PageEntry::address(all[i]), level - 1, 512, reach, runs);
  }
}

}  // namespace

mm::Result<size_t> live_page_tables(const LiveTables& tables, const mm::DirectMap& reach,
                                    std::span<mm::Range> out) {
  TableRuns runs(out);
  visit(tables.root, tables.levels, tables.root_entries, reach, runs);
  return runs.found();
}

}  // namespace loader
