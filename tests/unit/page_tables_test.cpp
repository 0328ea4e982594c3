// Page tables, tested by walking what was built.
#include <gtest/gtest.h>
#include <algorithm>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "loader/page_tables_impl.h"
#include "loader/x86_64/page_entry.h"
#include "mm/print.h"

namespace loader {
namespace {

using mm::kGiB;
using mm::kKiB;
using mm::kMiB;
using mm::Phys;
using mm::Range;
using PageTables = TableBuilder<x86_64::PageEntry>;

constexpr uint64_t k2M = 2 * kMiB;

// A pool of frames at a made-up physical address.
class Pool {
 public:
  explicit Pool(size_t pages)
      : memory_(static_cast<char*>(std::aligned_alloc(mm::kPageSize, pages * mm::kPageSize)),
                std::free),
        range_{Phys{0x1000}, Phys{0x1000 + pages * mm::kPageSize}} {
    std::fill_n(memory_.get(), pages * mm::kPageSize, '\xa5');  // RAM is not zeroed
  }
  [[nodiscard]] Range range() const { return range_; }
  [[nodiscard]] mm::DirectMap map() const {
    return mm::DirectMap(reinterpret_cast<uintptr_t>(memory_.get()) - range_.start.v);
  }

 private:
  std::unique_ptr<char, decltype(&std::free)> memory_;
  Range range_;
};

struct Fixture {
  explicit Fixture(PagingFeatures features = {}, size_t pages = 64)
      : pool(pages), tables(pool.range(), pool.map(), features) {
    EXPECT_TRUE(tables.start().ok());
  }
  // What is mapped, neighbours with the same page size and access joined:
  // "virtual-end -> physical size rwx".
  [[nodiscard]] std::vector<std::string> drawing() const {
    struct Run {
      uint64_t virt, end, phys, size;
      Access access;
    };
    std::vector<Run> runs;
    tables.for_each_page([&](uint64_t virt, const Translation& t) {
      if (!runs.empty() && runs.back().end == virt && runs.back().size == t.page_size &&
          runs.back().access == t.access &&
          runs.back().phys + (virt - runs.back().virt) == t.address.v) {
        runs.back().end += t.page_size;
      } else {
        runs.push_back({virt, virt + t.page_size, t.address.v, t.page_size, t.access});
      }
    });
    std::vector<std::string> lines;
    for (const Run& r : runs) {
      char line[160];
      mm::format(line, "{:x}-{:x} -> {:x} {} r{}{}{}", r.virt, r.end, r.phys,
                 r.size == 4096  ? "4K"
                 : r.size == k2M ? "2M"
                                 : "1G",
                 r.access.write ? 'w' : '-', r.access.execute ? 'x' : '-',
                 r.access.cache == Cache::Uncached ? " uc" : "");
      lines.emplace_back(line);
    }
    return lines;
  }
  Pool pool;
  PageTables tables;
};

using Drawing = std::vector<std::string>;

constexpr Access kData{.write = true, .execute = false};
constexpr Access kRead{.write = false, .execute = false};
constexpr Access kCode{.write = false, .execute = true};

TEST(PageTables, TakesTheLargestPageThatFits) {
  Fixture f;
  ASSERT_TRUE(f.tables.map(0x1000, {Phys{0x1000}, Phys{3 * kGiB + k2M + 0x3000}}, kData).ok());
  EXPECT_EQ(f.drawing(), (Drawing{
                             "1000-200000 -> 1000 4K rw-",
                             "200000-40000000 -> 200000 2M rw-",
                             "40000000-c0000000 -> 40000000 1G rw-",
                             "c0000000-c0200000 -> c0000000 2M rw-",
                             "c0200000-c0203000 -> c0200000 4K rw-",
                         }));
}

TEST(PageTables, WithoutGigabytePagesTakesTwoMegabytes) {
  Fixture f({.levels = 4, .nx = true, .gigabyte_pages = false});
  ASSERT_TRUE(f.tables.map(0, {Phys{0}, Phys{2 * kGiB}}, kData).ok());
  EXPECT_EQ(f.drawing(), (Drawing{"0-80000000 -> 0 2M rw-"}));
}

TEST(PageTables, WithoutNxEverythingIsExecutableAndNoEntryHasTheBit) {
  Fixture f({.levels = 4, .nx = false, .gigabyte_pages = true});
  ASSERT_TRUE(f.tables.map(0, {Phys{0}, Phys{k2M}}, kData).ok());
  EXPECT_EQ(f.drawing(), (Drawing{"0-200000 -> 0 2M rwx"}));
  const auto* entries = f.pool.map().at<const uint64_t>(f.pool.range().start);
  for (size_t i = 0; i < f.tables.used().size() / 8; ++i) EXPECT_EQ(entries[i] >> 63, 0U) << i;
}

TEST(PageTables, FiveLevelsReachTheFiveLevelDirectMap) {
  Fixture f({.levels = 5, .nx = true, .gigabyte_pages = true});
  const uint64_t base = 0xff11'0000'0000'0000;
  ASSERT_TRUE(f.tables.map(base + kGiB, {Phys{kGiB}, Phys{2 * kGiB}}, kData).ok());
  EXPECT_EQ(f.drawing(), (Drawing{"ff11000040000000-ff11000080000000 -> 40000000 1G rw-"}));
  EXPECT_FALSE(f.tables.translate(base).has_value());
}

TEST(PageTables, ALaterCallOverridesAndSplitsOnlyAtItsBorders) {
  Fixture f;
  ASSERT_TRUE(f.tables.map(0, {Phys{0}, Phys{kGiB}}, kData).ok());
  ASSERT_TRUE(f.tables.map(0x400000, {Phys{0x400000}, Phys{0x403000}}, kCode).ok());
  ASSERT_TRUE(f.tables.map(0x403000, {Phys{0x403000}, Phys{0x404000}}, kRead).ok());
  EXPECT_EQ(f.drawing(), (Drawing{
                             "0-400000 -> 0 2M rw-",
                             "400000-403000 -> 400000 4K r-x",
                             "403000-404000 -> 403000 4K r--",
                             "404000-600000 -> 404000 4K rw-",
                             "600000-40000000 -> 600000 2M rw-",
                         }));
}

TEST(PageTables, UncachedPagesStayUncachedWhenSplit) {
  Fixture f;
  const Access device{.write = true, .execute = false, .cache = Cache::Uncached};
  ASSERT_TRUE(f.tables.map(k2M, {Phys{k2M}, Phys{2 * k2M}}, device).ok());
  ASSERT_TRUE(f.tables.map(k2M, {Phys{k2M}, Phys{k2M + 0x1000}}, kData).ok());
  EXPECT_EQ(f.drawing(),
            (Drawing{"200000-201000 -> 200000 4K rw-", "201000-400000 -> 201000 4K rw- uc"}));
}

TEST(PageTables, AddressesThatDifferByLessThanALargePageTakeSmallOnes) {
  Fixture f;
  ASSERT_TRUE(f.tables.map(0xffff'ffff'8020'0000, {Phys{0x5000}, Phys{0x5000 + k2M}}, kCode).ok());
  EXPECT_EQ(f.drawing(), (Drawing{"ffffffff80200000-ffffffff80400000 -> 5000 4K r-x"}));
  const auto t = f.tables.translate(0xffff'ffff'8020'1234);
  ASSERT_TRUE(t.has_value());
  EXPECT_EQ(t->address.v, 0x6234U);
}

TEST(PageTables, TheLastPageOfTheAddressSpaceCanBeMapped) {
  Fixture f;
  ASSERT_TRUE(f.tables.map(0xffff'ffff'ffff'f000, {Phys{0x1000}, Phys{0x2000}}, kData).ok());
  EXPECT_EQ(f.tables.translate(0xffff'ffff'ffff'ffff)->address.v, 0x1fffU);
}

TEST(PageTables, RefusesWhatDoesNotFit) {
  Fixture f;
  const Range page{Phys{0x1000}, Phys{0x2000}};
  EXPECT_FALSE(f.tables.map(0x800, page, kData).ok()) << "not aligned";
  EXPECT_FALSE(f.tables.map(0, {Phys{0x1000}, Phys{0x1800}}, kData).ok()) << "not aligned";
  EXPECT_FALSE(f.tables.map(0x8000'0000'0000, page, kData).ok()) << "not canonical";
  EXPECT_FALSE(f.tables.map(0x7fff'ffff'f000, {Phys{0x1000}, Phys{0x3000}}, kData).ok())
      << "leaves the lower half";
  EXPECT_FALSE(f.tables.map(0xffff'ffff'ffff'f000, {Phys{0x1000}, Phys{0x3000}}, kData).ok())
      << "wraps";
  EXPECT_TRUE(f.drawing().empty());
}

TEST(PageTables, AnEmptyPoolIsAnErrorThatNamesIt) {
  Fixture f({}, 2);
  const auto result = f.tables.map(0, {Phys{0}, Phys{k2M}}, kData);
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().what, "pool of page tables is used up (start {:#x}, end {:#x})");
  EXPECT_EQ(result.error().b, f.pool.range().end.v);
}

TEST(PageTables, SharesTheUpperHalf) {
  Fixture f;
  ASSERT_TRUE(f.tables.map(0x1000, {Phys{0x1000}, Phys{0x2000}}, kData).ok());
  ASSERT_TRUE(f.tables.map(0xffff'8880'0000'0000, {Phys{0}, Phys{k2M}}, kData).ok());
  PageTables other({f.tables.used().end, f.pool.range().end}, f.pool.map(), {});
  ASSERT_TRUE(other.start().ok());
  other.share_upper_half(f.tables);
  EXPECT_FALSE(other.translate(0x1000).has_value());
  EXPECT_EQ(other.translate(0xffff'8880'0000'0123)->address.v, 0x123U);
}

// pages_for() must never be short: random ranges, mapped for real.
TEST(PageTables, ThePoolSizeIsAlwaysEnough) {
  uint64_t state = 0x243f6a8885a308d3;
  const auto random = [&state](uint64_t below) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return (state >> 20) % below;
  };
  for (int round = 0; round < 300; ++round) {
    const PagingFeatures features{
        .levels = random(2) ? 4U : 5U, .nx = true, .gigabyte_pages = random(2) != 0};
    const uint64_t end = mm::align_up(kMiB << random(20), mm::kPageSize);
    const uint64_t count = 1 + random(40);
    // Far from one another: what they have together counts then, and not the span.
    const uint64_t apart = random(2) * (kGiB << random(12));
    std::vector<Range> ranges;
    uint64_t bytes = 0;
    uint64_t at = 0;
    for (uint64_t i = 0; i < count && at < end; ++i) {
      const uint64_t start = at + mm::kPageSize * random((end - at) / mm::kPageSize);
      const uint64_t size = mm::kPageSize * (1 + random((end - start) / mm::kPageSize));
      ranges.push_back({Phys{start + i * apart}, Phys{start + i * apart + size}});
      bytes += size;
      at = start + size;
    }
    const uint64_t promised =
        1 + PageTables::pages_for(count, bytes, ranges.back().end.v, features, true);
    Fixture f(features, promised);
    for (const Range& range : ranges) {
      const auto result = f.tables.map(range.start.v, range, kData);
      ASSERT_TRUE(result.ok()) << "round " << round << ": " << result.error().what;
    }
    EXPECT_LE(f.tables.used().size(), promised * mm::kPageSize);
  }
}

}  // namespace
}  // namespace loader
