// An entry of IA-32's page tables, of either form.
//
// With physical address extension: three levels, of which the highest has four entries with no rights
// of their own (Intel SDM vol. 3A section 4.4). Large pages: 2 MiB.
// Without: two levels of 1024 entries of 4 bytes each, memory below 4 GiB, no XD (section 4.3). Large
// pages: 4 MiB, where the CPU has page size extensions.
#pragma once

#include "loader/x86_64/page_entry.h"

namespace loader::ia32 {

inline constexpr unsigned kPaeLevels = 3, kPaeRootEntries = 4, kPlainLevels = 2;

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

// Bits of the same meaning in the same places.
struct PlainEntry : x86_64::PageEntry {
  using Word = uint32_t;
  static constexpr unsigned kFewestLevels = kPlainLevels, kMostLevels = kPlainLevels;
  static constexpr unsigned kFirstShared = 768;  // from 3 GiB on
  static constexpr bool kSigned = false;
  [[nodiscard]] static constexpr unsigned index_bits(unsigned /*level*/) { return 10; }
};

// Of a CPU that has the extension: as if it had none.
[[nodiscard]] constexpr PagingFeatures without_pae(PagingFeatures features) {
  features.levels = kPlainLevels;
  features.nx = false;
  features.physical_bits = 32;
  return features;
}

}  // namespace loader::ia32
