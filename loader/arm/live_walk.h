// The frames of page tables that a 32-bit Arm firmware uses: short descriptors with two levels, or
// long ones (LPAE) with three (ARM ARM v7-A, DDI 0406C, sections B3.5 and B3.6).
#pragma once

#include "loader/arch.h"
#include "loader/table_runs.h"
#include "mm/arm/descriptors.h"

namespace loader::arm {

// Root and entry count are what TTBR0 and TTBCR.N say: 4096 entries, or half as many for each N.
inline void visit_short(const LiveTables& tables, const mm::DirectMap& reach, TableRuns& runs) {
  const mm::Phys end = tables.root + uint64_t{tables.root_entries} * sizeof(uint32_t);
  for (mm::Phys at = mm::align_down(tables.root, mm::kPageSize); at < end; at += mm::kPageSize) {
    runs.note(at);
  }
  const auto* const entries = reach.at<const uint32_t>(tables.root);
  mm::Phys last{};  // four tables may share a frame
  for (unsigned i = 0; i < tables.root_entries; ++i) {
    if ((entries[i] & mm::arm::kTypeMask) != mm::arm::kTable) continue;
    const mm::Phys frame =
        mm::align_down(mm::Phys{entries[i] & mm::arm::kTableAddress}, mm::kPageSize);
    if (frame != last) runs.note(frame);
    last = frame;
  }
}

// The first level has four entries, each for 1 GiB, anywhere in a page.
inline void visit_long(mm::Phys table, unsigned level, unsigned count, const mm::DirectMap& reach,
                       TableRuns& runs) {
  constexpr uint64_t kTableOrPage = 3, kAddress = 0xff'ffff'f000;
  runs.note(mm::align_down(table, mm::kPageSize));
  if (level == 1) return;
  const auto* const entries = reach.at<const uint64_t>(table);
  for (unsigned i = 0; i < count; ++i) {
    if ((entries[i] & kTableOrPage) != kTableOrPage) continue;
    visit_long(mm::Phys{entries[i] & kAddress}, level - 1, 512, reach, runs);
  }
}

inline mm::Result<size_t> live_page_tables(const LiveTables& tables, const mm::DirectMap& reach,
                                           std::span<mm::Range> out) {
  TableRuns runs(out);
  if (tables.levels == 2) visit_short(tables, reach, runs);
  if (tables.levels == 3) visit_long(tables.root, 3, tables.root_entries, reach, runs);
  return runs.found();
}

}  // namespace loader::arm
