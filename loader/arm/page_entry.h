// An entry of Arm's page tables with short descriptors (ARM ARM v7-A, DDI 0406C, section B3.5): two
// levels, sections of 1 MiB and small pages of 4 KiB. Domain 0, which is a client. Memory is shared
// by all CPUs.
//
// A table of the second level has 1 KiB. As in Linux (arch/arm/include/asm/pgtable-2level.h) two of
// them, for 2 MiB, are made together and have a frame for themselves; of its other half Linux makes
// two tables of what the CPU has no bits for, and here it is unused.
#pragma once

#include "loader/page_tables.h"
#include "mm/arm/descriptors.h"
#include "mm/arm/space.h"

namespace loader::arm {

struct PageEntry {
  using Word = uint32_t;
  static constexpr unsigned kFewestLevels = 2, kMostLevels = 2;
  static constexpr unsigned kFirstShared = mm::arm::kPageOffset >> 20;
  static constexpr bool kSigned = false;
  [[nodiscard]] static constexpr unsigned index_bits(unsigned level) {
    return level == 1 ? mm::arm::kSecondLevelBits : mm::arm::kFirstLevelBits;
  }
  [[nodiscard]] static constexpr unsigned together(unsigned level) { return level == 1 ? 2 : 1; }

  [[nodiscard]] static bool is_present(uint64_t entry) { return (entry & mm::arm::kTypeMask) != 0; }
  [[nodiscard]] static bool is_table(uint64_t entry, unsigned level) {
    return level == 2 && (entry & mm::arm::kTypeMask) == mm::arm::kTable;
  }
  [[nodiscard]] static mm::Phys address(uint64_t entry) {
    return mm::Phys{entry & mm::arm::kTableAddress};
  }
  [[nodiscard]] static uint64_t table(mm::Phys table, unsigned /*level*/) {
    return table.v | mm::arm::kTable;
  }
  [[nodiscard]] static uint64_t leaf(mm::Phys page, Access access, unsigned level,
                                     const PagingFeatures& /*features*/) {
    const bool device = access.cache == Cache::Uncached;
    return make(page, level, device ? mm::arm::kDevice : mm::arm::kWriteAllocate,
                {.write = access.write, .execute = access.execute, .shared = true});
  }
  [[nodiscard]] static uint64_t part(uint64_t leaf, unsigned level, mm::Phys page) {
    const auto entry = static_cast<uint32_t>(leaf);
    const mm::arm::Places& above = places(level + 1);
    return make(page, level, mm::arm::attributes(above, entry), mm::arm::rights(above, entry));
  }
  [[nodiscard]] static Access access(uint64_t entry, unsigned level,
                                     const PagingFeatures& /*features*/) {
    if (is_table(entry, level)) return {true, true, Cache::WriteBack};
    const auto word = static_cast<uint32_t>(entry);
    const mm::arm::Rights rights = mm::arm::rights(places(level), word);
    const bool cached = mm::arm::attributes(places(level), word).c != 0;
    return {rights.write, rights.execute, cached ? Cache::WriteBack : Cache::Uncached};
  }

 private:
  static constexpr const mm::arm::Places& places(unsigned level) {
    return level == 1 ? mm::arm::kSmallPagePlaces : mm::arm::kSectionPlaces;
  }
  static uint64_t make(mm::Phys page, unsigned level, const mm::arm::Attributes& how,
                       const mm::arm::Rights& who) {
    return level == 1 ? mm::arm::small_page(page, how, who) : mm::arm::section(page, how, who);
  }
};

}  // namespace loader::arm
