// One builder, several forms: each as if it were the only one.
#include "loader/page_table_forms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>

#include "loader/ia32/page_entry.h"
#include "loader/page_tables_impl.h"
#include "loader/x86_64/page_entry.h"

namespace loader {
namespace {

using ia32::PaeEntry;
using mm::kMiB;
using mm::Phys;
using mm::Range;
using Forms = TablesOfForms<PaeEntry, x86_64::PageEntry>;

constexpr Access kData{.write = true, .execute = false};
constexpr Range kRam{Phys{0x20'0000}, Phys{0x60'1000}};

PagingFeatures features(unsigned levels) {
  return {.levels = levels, .nx = true, .gigabyte_pages = false, .physical_bits = 40};
}

// The same frames for each, so that what was built can be compared byte by byte.
struct Pool {
  static constexpr size_t kPages = 16;
  std::unique_ptr<char, decltype(&std::free)> memory{
      static_cast<char*>(std::aligned_alloc(mm::kPageSize, kPages* mm::kPageSize)), std::free};
  Range range{Phys{0x100'0000}, Phys{0x100'0000 + kPages * mm::kPageSize}};
  mm::DirectMap map{reinterpret_cast<uintptr_t>(memory.get()) - range.start.v};

  Pool() { std::fill_n(memory.get(), kPages * mm::kPageSize, '\xa5'); }
  [[nodiscard]] std::string bytes() const { return {memory.get(), kPages * mm::kPageSize}; }
};

template <class Tables>
std::string built(unsigned levels, uint64_t virt) {
  const Pool pool;
  Tables tables(pool.range, pool.map, features(levels));
  EXPECT_TRUE(tables.start().ok());
  EXPECT_TRUE(tables.map(virt, kRam, kData).ok());
  EXPECT_EQ(tables.root(), pool.range.start);
  const auto there = tables.translate(virt + 0x40'0123);
  EXPECT_TRUE(there.has_value() && there->address == Phys{0x60'0123});
  EXPECT_FALSE(tables.translate(virt + 0x40'1000).has_value());
  Tables runtime({tables.used().end, pool.range.end}, pool.map, features(levels));
  EXPECT_TRUE(runtime.start().ok());
  runtime.share_upper_half(tables);
  EXPECT_EQ(runtime.translate(virt)->address, kRam.start);
  return pool.bytes();
}

TEST(PageTableForms, TheLevelsSayWhich) {
  constexpr uint64_t kLow = 0xc020'0000, kHigh = 0xffff'8880'0020'0000;
  EXPECT_EQ(built<Forms>(3, kLow), built<TableBuilder<PaeEntry>>(3, kLow));
  EXPECT_EQ(built<Forms>(4, kHigh), built<TableBuilder<x86_64::PageEntry>>(4, kHigh));
  EXPECT_NE(built<Forms>(3, kLow), built<Forms>(4, kHigh));
}

TEST(PageTableForms, SizesAreOfTheForm) {
  for (const unsigned levels : {3u, 4u}) {
    const PagingFeatures with = features(levels);
    const auto pages = [&]<class Tables>(const Tables*) {
      return Tables::pages_for(3, 64 * kMiB, 4096 * kMiB, with, false) +
             Tables::pages_for_root(with);
    };
    const uint64_t own = levels == 3
                             ? pages(static_cast<TableBuilder<PaeEntry>*>(nullptr))
                             : pages(static_cast<TableBuilder<x86_64::PageEntry>*>(nullptr));
    EXPECT_EQ(pages(static_cast<Forms*>(nullptr)), own);
  }
  EXPECT_GT(Forms::pages_for(3, 64 * kMiB, 4096 * kMiB, features(4), false),
            Forms::pages_for(3, 64 * kMiB, 4096 * kMiB, features(3), false));
}

TEST(PageTableForms, LevelsThatNoneHasAreRefused) {
  EXPECT_TRUE(Forms::check(features(3)).ok());
  EXPECT_TRUE(Forms::check(features(4)).ok());
  EXPECT_TRUE(Forms::check(features(5)).ok());
  EXPECT_FALSE(Forms::check(features(2)).ok());
  EXPECT_FALSE(Forms::check(features(6)).ok());
}

}  // namespace
}  // namespace loader
