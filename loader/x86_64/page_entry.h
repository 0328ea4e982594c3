// An entry of x86-64's page tables, four or five levels (Intel SDM vol. 3A chapter 4). Large pages:
// 1 GiB where the CPU has them, and 2 MiB.
#pragma once

#include "loader/page_tables.h"

namespace loader::x86_64 {

struct PageEntry : WideTables {
  static constexpr unsigned kFirstShared = 256;
  static constexpr unsigned kFewestLevels = 4, kMostLevels = 5;
  static constexpr uint64_t kPresent = 1, kWrite = 2, kWriteThrough = 8, kCacheDisable = 16,
                            kLarge = 128, kNoExecute = uint64_t{1} << 63,
                            kAddress = 0x000f'ffff'ffff'f000;

  [[nodiscard]] static bool is_present(uint64_t entry) { return (entry & kPresent) != 0; }
  [[nodiscard]] static bool is_table(uint64_t entry, unsigned level) {
    return level > 1 && (entry & kLarge) == 0;
  }
  [[nodiscard]] static mm::Phys address(uint64_t entry) { return mm::Phys{entry & kAddress}; }
  [[nodiscard]] static uint64_t table(mm::Phys table, unsigned /*level*/) {
    return table.v | kPresent | kWrite;
  }
  [[nodiscard]] static uint64_t leaf(mm::Phys page, Access access, unsigned level,
                                     const PagingFeatures& features) {
    uint64_t bits = kPresent;
    if (access.write) bits |= kWrite;
    if (!access.execute && features.nx) bits |= kNoExecute;
    if (access.cache == Cache::Uncached) bits |= kCacheDisable | kWriteThrough;
    if (level > 1) bits |= kLarge;
    return page.v | bits;
  }
  [[nodiscard]] static uint64_t part(uint64_t leaf, unsigned level, mm::Phys page) {
    uint64_t bits = leaf & ~kAddress;
    if (level == 1) bits &= ~kLarge;
    return page.v | bits;
  }
  [[nodiscard]] static Access access(uint64_t entry, unsigned /*level*/,
                                     const PagingFeatures& features) {
    return {(entry & kWrite) != 0, !features.nx || (entry & kNoExecute) == 0,
            (entry & kCacheDisable) != 0 ? Cache::Uncached : Cache::WriteBack};
  }
};

}  // namespace loader::x86_64
