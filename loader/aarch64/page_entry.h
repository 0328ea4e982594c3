// An entry of AArch64's page tables: granules of 4 KiB, four levels (Arm ARM, section D8.3). Levels
// are numbered as elsewhere here, from that of 4 KiB up: Arm's level 3 is our 1. Blocks: 1 GiB and
// 2 MiB.
#pragma once

#include "loader/handoff/aarch64/translation.h"
#include "loader/page_tables.h"

namespace loader::aarch64 {

struct PageEntry : WideTables {
  static constexpr unsigned kFirstShared = 256;
  static constexpr unsigned kFewestLevels = 4, kMostLevels = 4;
  static constexpr uint64_t kValid = 1;
  static constexpr uint64_t kTableOrPage = 2;  // by the level; otherwise it is a block
  static constexpr unsigned kTypeShift = 2;
  static constexpr uint64_t kType = 7u << kTypeShift;  // MAIR's index
  static constexpr uint64_t kReadOnly = 1u << 7;       // AP[2]; AP[1] is clear: not EL0's
  static constexpr uint64_t kInnerShareable = 3u << 8, kAccessed = 1u << 10;
  static constexpr uint64_t kNotRun = uint64_t{1} << 53, kNotRunByUser = uint64_t{1} << 54;
  static constexpr uint64_t kAddress = 0x0000'ffff'ffff'f000;

  [[nodiscard]] static bool is_present(uint64_t entry) { return (entry & kValid) != 0; }
  [[nodiscard]] static bool is_table(uint64_t entry, unsigned level) {
    return level > 1 && (entry & kTableOrPage) != 0;
  }
  [[nodiscard]] static mm::Phys address(uint64_t entry) { return mm::Phys{entry & kAddress}; }
  [[nodiscard]] static uint64_t table(mm::Phys table, unsigned /*level*/) {
    return table.v | kValid | kTableOrPage;
  }
  [[nodiscard]] static uint64_t leaf(mm::Phys page, Access access, unsigned level,
                                     const PagingFeatures& /*features*/) {
    uint64_t bits = kValid | kAccessed | kInnerShareable | kNotRunByUser;
    if (level == 1) bits |= kTableOrPage;
    if (!access.write) bits |= kReadOnly;
    if (!access.execute) bits |= kNotRun;
    bits |= (access.cache == Cache::Uncached ? kDevice : kWriteBack) << kTypeShift;
    return page.v | bits;
  }
  [[nodiscard]] static uint64_t part(uint64_t leaf, unsigned level, mm::Phys page) {
    return page.v | (leaf & ~(kAddress | kTableOrPage)) | (level == 1 ? kTableOrPage : 0);
  }
  [[nodiscard]] static Access access(uint64_t entry, unsigned /*level*/,
                                     const PagingFeatures& /*features*/) {
    return {(entry & kReadOnly) == 0, (entry & kNotRun) == 0,
            (entry & kType) >> kTypeShift == kDevice ? Cache::Uncached : Cache::WriteBack};
  }
};

}  // namespace loader::aarch64
