// AArch64's page tables, built on whatever host this is and read as Arm's manual says.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "loader/aarch64/page_entry.h"
#include "loader/handoff/handoff.h"
#include "loader/page_tables_impl.h"

namespace loader {
namespace {

using aarch64::PageEntry;
using mm::kGiB;
using mm::kKiB;
using mm::kMiB;
using mm::Phys;
using mm::Range;

constexpr Access kData{.write = true, .execute = false};
constexpr Access kCode{.write = false, .execute = true};
constexpr Access kDevice{.write = true, .execute = false, .cache = Cache::Uncached};

struct Built {
  static constexpr size_t kPages = 32;
  std::unique_ptr<char, decltype(&std::free)> memory{
      static_cast<char*>(std::aligned_alloc(mm::kPageSize, kPages* mm::kPageSize)), std::free};
  Range pool{Phys{0x4000'0000}, Phys{0x4000'0000 + kPages * mm::kPageSize}};
  mm::DirectMap map{reinterpret_cast<uintptr_t>(memory.get()) - pool.start.v};
  TableBuilder<PageEntry> tables{pool, map, {}};

  Built() {
    std::fill_n(memory.get(), kPages * mm::kPageSize, '\xa5');  // RAM is not zeroed
    EXPECT_TRUE(tables.start().ok());
  }
  // The descriptor that the CPU comes to, and at which of Arm's levels.
  struct Found {
    uint64_t entry;
    unsigned level;
  };
  [[nodiscard]] Found walk(uint64_t virt) const {
    // TTBR0 has the root, TTBR1 its upper half; with T0SZ and T1SZ of 17 either is indexed by
    // bits 46 to 39.
    const bool upper = virt >> 63 != 0;
    uint64_t table = tables.root().v + (upper ? aarch64::kUpperHalfOfRoot : 0);
    for (unsigned level = 0;; ++level) {
      const unsigned shift = 39 - 9 * level;
      const uint64_t index = virt >> shift & (level == 0 ? 0xff : 0x1ff);
      const uint64_t entry = map.at<const uint64_t>(Phys{table})[index];
      const bool valid = (entry & 1) != 0, last = level == 3 || (entry & 2) == 0;
      if (!valid || last) return {valid && (level < 3 || (entry & 2) != 0) ? entry : 0, level};
      table = entry & 0x0000'ffff'ffff'f000;
    }
  }
};

// Arm ARM section D8.3.2: AttrIndx [4:2], AP[2:1] [7:6], SH [9:8], AF [10], PXN [53], UXN [54].
TEST(AArch64PageTables, DescriptorsHaveTheirBits) {
  Built b;
  ASSERT_TRUE(b.tables.map(0x4000'0000, {Phys{kGiB}, Phys{2 * kGiB}}, kData).ok());
  ASSERT_TRUE(
      b.tables.map(0xffff'ffff'8020'0000, {Phys{0x7c00'0000}, Phys{0x7c00'1000}}, kCode).ok());
  ASSERT_TRUE(b.tables.map(0x900'0000, {Phys{0x900'0000}, Phys{0x900'1000}}, kDevice).ok());

  const auto ram = b.walk(0x4000'0000);
  EXPECT_EQ(ram.level, 1U) << "a block of 1 GiB";
  EXPECT_EQ(ram.entry, 0x4000'0000 | uint64_t{3} << 53 | 0x400 | 0x300 | 3 << 2 | 1);
  const auto code = b.walk(0xffff'ffff'8020'0000);
  EXPECT_EQ(code.level, 3U);
  EXPECT_EQ(code.entry, 0x7c00'0000 | uint64_t{1} << 54 | 0x400 | 0x300 | 0x80 | 3 << 2 | 3);
  const auto device = b.walk(0x900'0000);
  EXPECT_EQ(device.entry, 0x900'0000 | uint64_t{3} << 53 | 0x400 | 0x300 | 0 << 2 | 3);
  EXPECT_EQ(b.walk(0x900'1000).entry, 0U);
}

TEST(AArch64PageTables, ABlockIsSplitWithItsRights) {
  Built b;
  ASSERT_TRUE(b.tables.map(kDirectMap4Level + kGiB, {Phys{kGiB}, Phys{2 * kGiB}}, kData).ok());
  ASSERT_TRUE(b.tables
                  .map(kDirectMap4Level + kGiB + 4 * kMiB + 4 * kKiB,
                       {Phys{kGiB + 4 * kMiB + 4 * kKiB}, Phys{kGiB + 4 * kMiB + 8 * kKiB}},
                       Access{false, false})
                  .ok());
  const auto block = b.walk(kDirectMap4Level + kGiB);
  EXPECT_EQ(block.level, 2U);
  EXPECT_EQ(block.entry & 3, 1U);
  const auto page = b.walk(kDirectMap4Level + kGiB + 4 * kMiB);
  EXPECT_EQ(page.level, 3U);
  EXPECT_EQ(page.entry & 3, 3U);
  EXPECT_EQ(page.entry & 0x80, 0U) << "beside it all is as it was";
  EXPECT_EQ(b.walk(kDirectMap4Level + kGiB + 4 * kMiB + 4 * kKiB).entry & 0x80, 0x80U);
  const auto there = b.tables.translate(kDirectMap4Level + kGiB + 6 * kMiB + 5);
  ASSERT_TRUE(there.has_value());
  EXPECT_EQ(there->address, Phys{kGiB + 6 * kMiB + 5});
  EXPECT_EQ(there->page_size, 2 * kMiB);
  EXPECT_EQ(there->access, kData);
}

TEST(AArch64PageTables, UncachedStaysUncached) {
  Built b;
  ASSERT_TRUE(b.tables.map(0x800'0000, {Phys{0x800'0000}, Phys{0xa00'0000}}, kDevice).ok());
  ASSERT_TRUE(b.tables.map(0x810'0000, {Phys{0x810'0000}, Phys{0x810'1000}}, kData).ok());
  EXPECT_EQ(b.tables.translate(0x800'0000)->access, kDevice);
  EXPECT_EQ(b.tables.translate(0x80f'f000)->access, kDevice);
  EXPECT_EQ(b.tables.translate(0x810'0000)->access, kData);
}

// Arm ARM section D19.2.139, field by field.
TEST(AArch64PageTables, TheTranslationControlSaysSo) {
  const uint64_t tcr = aarch64::tcr(2);
  EXPECT_EQ(tcr & 0x3f, 17U);
  EXPECT_EQ(tcr >> 16 & 0x3f, 17U);
  EXPECT_EQ(tcr >> 7 & 1, 0U) << "EPD0: walks are on";
  EXPECT_EQ(tcr >> 23 & 1, 0U) << "EPD1";
  EXPECT_EQ(tcr >> 14 & 3, 0U) << "TG0: 4 KiB";
  EXPECT_EQ(tcr >> 30 & 3, 2U) << "TG1: 4 KiB";
  EXPECT_EQ(tcr >> 12 & 3, 3U) << "SH0: inner shareable";
  EXPECT_EQ(tcr >> 28 & 3, 3U) << "SH1";
  EXPECT_EQ(tcr >> 8 & 15, 5U) << "IRGN0, ORGN0: write-back";
  EXPECT_EQ(tcr >> 24 & 15, 5U);
  EXPECT_EQ(tcr >> 32 & 7, 2U) << "IPS";
  EXPECT_EQ(aarch64::tcr(6) >> 32 & 7, 5U) << "no more than 48 bits";
}

}  // namespace
}  // namespace loader
