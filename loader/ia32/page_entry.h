// An entry of IA-32's page tables with physical address extension: three levels, of which the
// highest has four entries with no rights of their own (Intel SDM vol. 3A section 4.4). Large pages:
// 2 MiB.
#pragma once

#include "loader/x86_64/page_entry.h"

namespace loader::ia32 {

inline constexpr unsigned kPaeLevels = 3, kPaeRootEntries = 4;

struct PaeEntry : x86_64::PageEntry {
  static constexpr unsigned kFewestLevels = kPaeLevels, kMostLevels = kPaeLevels;
  static constexpr unsigned kFirstShared = 3;  // from 3 GiB on

  [[nodiscard]] static uint64_t table(mm::Phys table, unsigned level) {
    return table.v | kPresent | (level == kPaeLevels ? 0 : kWrite);
  }
  [[nodiscard]] static Access access(uint64_t entry, unsigned level,
                                     const PagingFeatures& features) {
    if (level == kPaeLevels) return {true, true, Cache::WriteBack};
    return PageEntry::access(entry, level, features);
  }
};

}  // namespace loader::ia32
