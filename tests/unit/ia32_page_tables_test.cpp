// IA-32's page tables, built on whatever host this is and read as Intel's manual says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "loader/handoff/handoff.h"
#include "loader/ia32/page_entry.h"
#include "loader/page_tables_impl.h"

namespace loader {
namespace {

using ia32::PaeEntry;
using mm::kGiB;
using mm::kMiB;
using mm::Phys;
using mm::Range;

constexpr Access kData{.write = true, .execute = false};
constexpr Access kConstants{.write = false, .execute = false};
constexpr Access kCode{.write = false, .execute = true};
constexpr Access kDevice{.write = true, .execute = false, .cache = Cache::Uncached};
constexpr PagingFeatures kPae{
    .levels = 3, .nx = true, .gigabyte_pages = false, .physical_bits = 36};

constexpr Range range(uint64_t start, uint64_t size) { return {Phys{start}, Phys{start + size}}; }

struct Page {
  uint64_t phys;
  bool write, execute, uncached;
  friend bool operator==(const Page&, const Page&) = default;
};

struct Built {
  static constexpr size_t kPages = 64;
  std::unique_ptr<char, decltype(&std::free)> memory{
      static_cast<char*>(std::aligned_alloc(mm::kPageSize, kPages* mm::kPageSize)), std::free};
  Range pool{Phys{0x100'0000}, Phys{0x100'0000 + kPages * mm::kPageSize}};
  mm::DirectMap map{reinterpret_cast<uintptr_t>(memory.get()) - pool.start.v};
  PagingFeatures features;
  TableBuilder<PaeEntry> tables;

  explicit Built(const PagingFeatures& with = kPae) : features(with), tables(pool, map, features) {
    std::fill_n(memory.get(), kPages * mm::kPageSize, '\xa5');  // RAM is not zeroed
    EXPECT_TRUE(tables.start().ok());
  }

  [[nodiscard]] uint64_t entry(uint64_t table, uint64_t index) const {
    return map.at<const uint64_t>(Phys{table})[index];
  }
  // Intel SDM vol. 3A section 4.4.2: bits 31:30, 29:21 and 20:12 choose; an entry of the first table
  // has neither rights nor XD, which are reserved there.
  [[nodiscard]] std::optional<Page> walk(uint32_t virt) const {
    constexpr uint64_t kAddress = 0x000f'ffff'ffff'f000, kNotRun = uint64_t{1} << 63;
    const uint64_t first = entry(tables.root().v, virt >> 30);
    if ((first & 1) == 0) return std::nullopt;
    EXPECT_EQ(first & ~(kAddress | 1), 0u);
    const uint64_t second = entry(first & kAddress, virt >> 21 & 511);
    if ((second & 1) == 0) return std::nullopt;
    uint64_t last = second;
    uint64_t size = 2 * kMiB;
    if ((second & 0x80) == 0) {
      last = entry(second & kAddress, virt >> 12 & 511);
      size = mm::kPageSize;
      if ((last & 1) == 0) return std::nullopt;
    }
    EXPECT_EQ((last & kAddress) % size, 0u);
    const bool both_write = (last & 2) != 0 && (second & 2) != 0;
    const bool run = (last & kNotRun) == 0 && (second & kNotRun) == 0;
    return Page{(last & kAddress) + (virt & (size - 1)), both_write, run, (last & 0x18) == 0x18};
  }
};

// As loader/world.cpp maps a machine of 2 GiB.
struct Mapping {
  uint64_t virt;
  Range to;
  Access access;
};
constexpr uint64_t kImage = 0x1d00'0000, kJump = 0x1e00'5000;
constexpr Mapping kWorld[] = {
    {kNarrowDirectMap, range(0, 0xa'0000), kData},
    {kNarrowDirectMap + kMiB, range(kMiB, kNarrowLowmem - kMiB), kData},
    {0x3f77'e000, range(0x7f77'e000, 0x3000), kConstants},         // an ACPI table
    {0x4000'0000, range(0x8000'0000, 0x40'0000), kDevice},         // a screen
    {0xbee0'0000, range(0xfee0'0000, mm::kPageSize), kDevice},     // the local APIC
    {0xff77'e000, range(0x3f77'e000, mm::kPageSize), kConstants},  // behind the kernel's own
    {kNarrowDirectMap + kImage, range(kImage, 0x2'3000), kConstants},
    {kNarrowKernel, range(kImage, 0x2'0000), kCode},
    {kNarrowKernel + 0x2'0000, range(kImage + 0x2'0000, 0x3000), kConstants},
    {kNarrowKernel + 0x2'3000, range(kImage + 0x2'3000, 0x1'1000), kData},
    {kJump, range(kJump, mm::kPageSize), kCode},
};

TEST(PaePageTables, EveryAddressLeadsWhereItShould) {
  Built b;
  for (const Mapping& m : kWorld) {
    const auto mapped = b.tables.map(m.virt, m.to, m.access);
    ASSERT_TRUE(mapped.ok()) << mapped.error().subject;
  }
  uint64_t pages = 0;
  for (uint64_t virt = 0; virt < 4 * kGiB; virt += mm::kPageSize) {
    std::optional<Page> wanted;
    for (const Mapping& m : kWorld) {  // the last one counts
      if (virt < m.virt || virt - m.virt >= m.to.size()) continue;
      wanted = Page{m.to.start.v + (virt - m.virt), m.access.write, m.access.execute,
                    m.access.cache == Cache::Uncached};
    }
    const auto found = b.walk(static_cast<uint32_t>(virt));
    ASSERT_EQ(found.has_value(), wanted.has_value()) << std::hex << virt;
    if (!found) continue;
    ASSERT_EQ(*found, *wanted) << std::hex << virt;
    ASSERT_FALSE(found->write && found->execute) << std::hex << virt;
    ++pages;
  }
  EXPECT_GT(pages, (kNarrowLowmem - kMiB) / mm::kPageSize);
  // Nothing where a null pointer leads.
  EXPECT_FALSE(b.walk(0).has_value());
  // The builder's own way of looking says the same.
  EXPECT_EQ(b.tables.translate(0xbee0'0010)->address, Phys{0xfee0'0010});
  EXPECT_EQ(b.tables.translate(kNarrowDirectMap + 0x200'0000)->page_size, 2 * kMiB);
}

TEST(PaePageTables, RamAbove4GiBHasPlaceInAnEntry) {
  Built b;
  ASSERT_TRUE(b.tables.map(0xf7e0'0000, range(0xf'ffff'f000, mm::kPageSize), kData).ok());
  EXPECT_EQ(b.walk(0xf7e0'0123)->phys, 0xf'ffff'f123u);
}

TEST(PaePageTables, WithoutNxAllMayRun) {
  PagingFeatures old = kPae;
  old.nx = false;
  Built b(old);
  ASSERT_TRUE(b.tables.map(kNarrowDirectMap, range(0, 4 * kMiB), kData).ok());
  EXPECT_EQ(b.walk(0xc000'0000), (Page{0, true, true, false}));
  EXPECT_EQ(b.walk(0xc03f'f000), (Page{0x3f'f000, true, true, false}));
}

TEST(PaePageTables, TheRuntimeWorldSharesTheLastGiB) {
  Built b;
  ASSERT_TRUE(b.tables.map(kNarrowKernel, range(kImage, 0x1000), kCode).ok());
  ASSERT_TRUE(b.tables.map(kJump, range(kJump, 0x1000), kCode).ok());
  TableBuilder<PaeEntry> runtime({b.tables.used().end, b.pool.end}, b.map, kPae);
  ASSERT_TRUE(runtime.start().ok());
  runtime.share_upper_half(b.tables);
  EXPECT_EQ(runtime.translate(kNarrowKernel)->address, Phys{kImage});
  EXPECT_FALSE(runtime.translate(kJump).has_value());
}

TEST(PaePageTables, AnotherFormIsRefused) {
  for (const unsigned levels : {2u, 4u}) {
    PagingFeatures other = kPae;
    other.levels = levels;
    const auto good = TableBuilder<PaeEntry>::check(other);
    ASSERT_FALSE(good.ok());
    EXPECT_STREQ(good.error().subject, "page tables");
  }
  EXPECT_TRUE(TableBuilder<PaeEntry>::check(kPae).ok());
}

}  // namespace
}  // namespace loader
