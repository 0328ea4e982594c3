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
using ia32::PlainEntry;
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
constexpr PagingFeatures kPlain = ia32::without_pae(kPae);

constexpr Range range(uint64_t start, uint64_t size) { return {Phys{start}, Phys{start + size}}; }

struct Page {
  uint64_t phys;
  bool write, execute, uncached;
  friend bool operator==(const Page&, const Page&) = default;
};

// Of whichever form. Memory is as much as a world of 4 KiB pages alone takes.
template <class Entry>
struct Built {
  static constexpr size_t kPages = 512;
  std::unique_ptr<char, decltype(&std::free)> memory{
      static_cast<char*>(std::aligned_alloc(mm::kPageSize, kPages* mm::kPageSize)), std::free};
  Range pool{Phys{0x100'0000}, Phys{0x100'0000 + kPages * mm::kPageSize}};
  mm::DirectMap map{reinterpret_cast<uintptr_t>(memory.get()) - pool.start.v};
  TableBuilder<Entry> tables;

  explicit Built(const PagingFeatures& features) : tables(pool, map, features) {
    std::fill_n(memory.get(), kPages * mm::kPageSize, '\xa5');  // RAM is not zeroed
    EXPECT_TRUE(tables.start().ok());
  }

  [[nodiscard]] uint64_t entry(uint64_t table, uint64_t index) const {
    return map.at<const typename Entry::Word>(Phys{table})[index];
  }
};

Page page_of(uint64_t last, uint64_t above, uint64_t virt, uint64_t size) {
  constexpr uint64_t kAddress = 0x000f'ffff'ffff'f000, kNotRun = uint64_t{1} << 63;
  EXPECT_EQ((last & kAddress) % size, 0u);
  const bool both_write = (last & 2) != 0 && (above & 2) != 0;
  const bool run = (last & kNotRun) == 0 && (above & kNotRun) == 0;
  return Page{(last & kAddress) + (virt & (size - 1)), both_write, run, (last & 0x18) == 0x18};
}

// Intel SDM vol. 3A section 4.4.2: bits 31:30, 29:21 and 20:12 choose; an entry of the first table
// has neither rights nor XD, which are reserved there.
std::optional<Page> walk(const Built<PaeEntry>& b, uint32_t virt) {
  constexpr uint64_t kAddress = 0x000f'ffff'ffff'f000;
  const uint64_t first = b.entry(b.tables.root().v, virt >> 30);
  if ((first & 1) == 0) return std::nullopt;
  EXPECT_EQ(first & ~(kAddress | 1), 0u);
  const uint64_t second = b.entry(first & kAddress, virt >> 21 & 511);
  if ((second & 1) == 0) return std::nullopt;
  if ((second & 0x80) != 0) return page_of(second, second, virt, 2 * kMiB);
  const uint64_t last = b.entry(second & kAddress, virt >> 12 & 511);
  if ((last & 1) == 0) return std::nullopt;
  return page_of(last, second, virt, mm::kPageSize);
}

// Section 4.3: bits 31:22 and 21:12 choose among 1024 entries of 4 bytes; nothing forbids to run. Of an
// entry for 4 MiB bits 20:13 are an address's 39:32, and 21 is reserved.
std::optional<Page> walk(const Built<PlainEntry>& b, uint32_t virt) {
  const uint64_t first = b.entry(b.tables.root().v, virt >> 22);
  if ((first & 1) == 0) return std::nullopt;
  if ((first & 0x80) != 0) return page_of(first, first, virt, 4 * kMiB);
  EXPECT_EQ(first & 0xfff, 3u);
  const uint64_t last = b.entry(first & 0xffff'f000, virt >> 12 & 1023);
  if ((last & 1) == 0) return std::nullopt;
  return page_of(last, first, virt, mm::kPageSize);
}

// As the loader maps a machine of 2 GiB (loader/world.cpp).
struct Mapping {
  uint64_t virt;
  Range to;
  Access access;
};
constexpr uint64_t kImage = 0x1d00'0000, kJump = 0x1e00'5000;
constexpr Mapping kWorld[] = {
    {kNarrowDirectMap, range(0, 0xa'0000), kData},
    {kNarrowDirectMap + kMiB, range(kMiB, kNarrowLowmemPlain - kMiB), kData},
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

// Every page of the address space is what the last mapping that has it says.
template <class Entry>
void expect_world(const PagingFeatures& features, uint64_t large) {
  Built<Entry> b(features);
  for (const Mapping& m : kWorld) {
    const auto mapped = b.tables.map(m.virt, m.to, m.access);
    ASSERT_TRUE(mapped.ok()) << mapped.error().subject;
  }
  uint64_t pages = 0;
  for (uint64_t virt = 0; virt < 4 * kGiB; virt += mm::kPageSize) {
    std::optional<Page> wanted;
    for (const Mapping& m : kWorld) {  // the last one counts
      if (virt < m.virt || virt - m.virt >= m.to.size()) continue;
      wanted = Page{m.to.start.v + (virt - m.virt), m.access.write,
                    m.access.execute || !features.nx, m.access.cache == Cache::Uncached};
    }
    const auto found = walk(b, static_cast<uint32_t>(virt));
    ASSERT_EQ(found.has_value(), wanted.has_value()) << std::hex << virt;
    if (!found) continue;
    ASSERT_EQ(*found, *wanted) << std::hex << virt;
    ASSERT_FALSE(features.nx && found->write && found->execute) << std::hex << virt;
    ++pages;
  }
  EXPECT_GT(pages, (kNarrowLowmemPlain - kMiB) / mm::kPageSize);
  // Nothing where a null pointer leads.
  EXPECT_FALSE(walk(b, 0).has_value());
  // The builder's own way of looking says the same.
  EXPECT_EQ(b.tables.translate(0xbee0'0010)->address, Phys{0xfee0'0010});
  EXPECT_EQ(b.tables.translate(kNarrowDirectMap + 0x200'0000)->page_size, large);
  // That many were promised to be enough, and the root.
  EXPECT_LE(b.tables.used().size(), mm::kPageSize * (1 + TableBuilder<Entry>::pages_for(
                                                             std::size(kWorld), kNarrowLowmemPlain,
                                                             4 * kGiB, features, false)));
}

TEST(PaePageTables, EveryAddressLeadsWhereItShould) { expect_world<PaeEntry>(kPae, 2 * kMiB); }

TEST(PlainPageTables, EveryAddressLeadsWhereItShould) {
  expect_world<PlainEntry>(kPlain, 4 * kMiB);
}

// A CPU without page size extensions: a table for each 4 MiB.
TEST(PlainPageTables, WithoutLargePagesTheSame) {
  PagingFeatures small = kPlain;
  small.large_pages = false;
  expect_world<PlainEntry>(small, mm::kPageSize);
}

TEST(PlainPageTables, ALargePageIsSplitWithItsRights) {
  Built<PlainEntry> b(kPlain);
  ASSERT_TRUE(b.tables.map(0x4000'0000, range(0x8000'0000, 4 * kMiB), kDevice).ok());
  ASSERT_TRUE(b.tables.map(0x4000'3000, range(0x8000'3000, mm::kPageSize), kConstants).ok());
  EXPECT_EQ(walk(b, 0x4000'2000), (Page{0x8000'2000, true, true, true}));
  EXPECT_EQ(walk(b, 0x4000'3000), (Page{0x8000'3000, false, true, false}));
  EXPECT_EQ(walk(b, 0x403f'f000), (Page{0x803f'f000, true, true, true}));
}

TEST(PlainPageTables, TheRuntimeWorldSharesTheLastGiB) {
  Built<PlainEntry> b(kPlain);
  ASSERT_TRUE(b.tables.map(kNarrowKernel, range(kImage, 0x1000), kCode).ok());
  ASSERT_TRUE(b.tables.map(0xbfff'f000, range(kJump, 0x1000), kCode).ok());
  TableBuilder<PlainEntry> runtime({b.tables.used().end, b.pool.end}, b.map, kPlain);
  ASSERT_TRUE(runtime.start().ok());
  runtime.share_upper_half(b.tables);
  EXPECT_EQ(runtime.translate(kNarrowKernel)->address, Phys{kImage});
  EXPECT_FALSE(runtime.translate(0xbfff'f000).has_value());
}

TEST(PlainPageTables, OnlyWhatHas32BitsIsTheirs) {
  EXPECT_FALSE(TableBuilder<PlainEntry>::check(kPae).ok());
  EXPECT_TRUE(TableBuilder<PlainEntry>::check(kPlain).ok());
  EXPECT_EQ(kPlain.physical_bits, 32u);
  EXPECT_FALSE(kPlain.nx);
  Built<PlainEntry> b(kPlain);
  EXPECT_FALSE(b.tables.map(0xffff'f000, range(0, 2 * mm::kPageSize), kData).ok());
  EXPECT_TRUE(b.tables.map(0xffff'f000, range(0, mm::kPageSize), kData).ok());
}

TEST(PaePageTables, RamAbove4GiBHasPlaceInAnEntry) {
  Built<PaeEntry> b(kPae);
  ASSERT_TRUE(b.tables.map(0xf7e0'0000, range(0xf'ffff'f000, mm::kPageSize), kData).ok());
  EXPECT_EQ(walk(b, 0xf7e0'0123)->phys, 0xf'ffff'f123u);
}

TEST(PaePageTables, WithoutNxAllMayRun) {
  PagingFeatures old = kPae;
  old.nx = false;
  Built<PaeEntry> b(old);
  ASSERT_TRUE(b.tables.map(kNarrowDirectMap, range(0, 4 * kMiB), kData).ok());
  EXPECT_EQ(walk(b, 0xc000'0000), (Page{0, true, true, false}));
  EXPECT_EQ(walk(b, 0xc03f'f000), (Page{0x3f'f000, true, true, false}));
}

TEST(PaePageTables, TheRuntimeWorldSharesTheLastGiB) {
  Built<PaeEntry> b(kPae);
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
