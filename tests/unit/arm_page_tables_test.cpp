// 32-bit Arm's page tables with short descriptors, built on whatever host this is and read as Arm's
// manual says (ARM ARM v7-A, DDI 0406C, section B3.5).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/arm/live_walk.h"
#include "loader/arm/page_entry.h"
#include "loader/arm/space.h"
#include "loader/page_tables_impl.h"

namespace loader {
namespace {

using arm::PageEntry;
using mm::kGiB;
using mm::kKiB;
using mm::kMiB;
using mm::Phys;
using mm::Range;

constexpr Access kData{.write = true, .execute = false};
constexpr Access kConstants{.write = false, .execute = false};
constexpr Access kCode{.write = false, .execute = true};
constexpr Access kDevice{.write = true, .execute = false, .cache = Cache::Uncached};
constexpr PagingFeatures kShort{.levels = 2,
                                .nx = true,
                                .gigabyte_pages = false,
                                .physical_bits = 32,
                                .first_ram = Phys{0x4000'0000}};

constexpr Range range(uint64_t start, uint64_t size) { return {Phys{start}, Phys{start + size}}; }

struct Page {
  uint64_t phys;
  uint64_t size;
  bool write, execute, device;
  friend bool operator==(const Page&, const Page&) = default;
};

struct Built {
  static constexpr size_t kPages = 64;
  std::unique_ptr<char, decltype(&std::free)> memory{
      static_cast<char*>(std::aligned_alloc(16 * kKiB, kPages* mm::kPageSize)), std::free};
  // Not where a root may stand.
  Range pool{Phys{0x4100'1000}, Phys{0x4100'0000 + kPages * mm::kPageSize}};
  mm::DirectMap map{reinterpret_cast<uintptr_t>(memory.get()) - 0x4100'0000};
  TableBuilder<PageEntry> tables{pool, map, kShort};

  Built() {
    std::fill_n(memory.get(), kPages * mm::kPageSize, '\xa5');  // RAM is not zeroed
    EXPECT_TRUE(tables.start().ok());
  }

  [[nodiscard]] uint32_t word(uint64_t at) const { return *map.at<const uint32_t>(Phys{at}); }
  [[nodiscard]] uint32_t first(uint32_t virt) const {
    return word(tables.root().v + uint64_t{virt >> 20} * 4);
  }
  // Figures B3-4 and B3-5: bits 31:20 and 19:12 choose.
  [[nodiscard]] std::optional<Page> walk(uint32_t virt) const {
    const uint32_t entry = first(virt);
    switch (entry & 3) {
      case 0:
        return std::nullopt;
      case 1: {
        EXPECT_EQ(entry & 0x3fe, 0u) << "domain 0, and PXN, NS clear";
        const uint32_t page = word((entry & ~0x3ffu) + (virt >> 12 & 0xff) * 4);
        if ((page & 3) == 0) return std::nullopt;
        EXPECT_NE(page & 2, 0u) << "no large pages";
        const uint32_t how = (page >> 6 & 7) << 2 | (page >> 2 & 3);  // TEX, C, B
        return made(page & ~0xfffu, kKiB * 4, virt, page >> 4 & 3, page >> 9 & 1, page & 1, how,
                    page >> 10 & 3);
      }
      default: {
        EXPECT_EQ(entry & 0xc01e3u, 2u) << "a section of domain 0, no supersection, PXN, IMP clear";
        const uint32_t how = (entry >> 12 & 7) << 2 | (entry >> 2 & 3);
        return made(entry & ~0xfffffu, kMiB, virt, entry >> 10 & 3, entry >> 15 & 1, entry >> 4 & 1,
                    how, entry >> 16 & 3);
      }
    }
  }
  static Page made(uint64_t phys, uint64_t size, uint32_t virt, uint32_t ap, uint32_t ap2,
                   uint32_t not_run, uint32_t how, uint32_t not_global_and_shared) {
    EXPECT_EQ(ap, 1u) << "the kernel's, not the user's";
    EXPECT_EQ(not_global_and_shared, 1u) << "nG, S";
    EXPECT_TRUE(how == 7 || how == 1) << "write-back and write-allocate, or shareable device";
    return {phys + (virt & (size - 1)), size, ap2 == 0, not_run == 0, how == 1};
  }
};

// As loader/world.cpp maps a machine of 2 GiB, QEMU's virt.
struct Mapping {
  uint64_t virt;
  Range to;
  Access access;
};
constexpr AddressSpace kSpace = arm::address_space(Phys{0x4000'0000});
constexpr uint64_t kImage = 0x4a1f'0000, kJump = 0x4e00'5000;
constexpr Mapping kWorld[] = {
    {0xc000'0000, range(0x4000'0000, 0x10'0000 - 0x3000), kData},
    {0xc010'0000, range(0x4010'0000, 767 * kMiB), kData},
    {0x3b77'e000, range(0xbb77'e000, 0x3000), kConstants},      // the device tree
    {0x8800'0000, range(0x0800'0000, 0x1'0000), kDevice},       // the GIC
    {0x8900'0000, range(0x0900'0000, mm::kPageSize), kDevice},  // the PL011
    {0xf200'1000, range(0x7200'1000, 0x1000), kConstants},      // in RAM, and highmem but for that
    {0xc000'0000 + 0xa1f'0000, range(kImage, 0x2'3000), kConstants},
    {kNarrowKernel, range(kImage, 0x2'0000), kCode},
    {kNarrowKernel + 0x2'0000, range(kImage + 0x2'0000, 0x3000), kConstants},
    {kNarrowKernel + 0x2'3000, range(kImage + 0x2'3000, 0x1'1000), kData},
    {kJump, range(kJump, mm::kPageSize), kCode},
};

TEST(ShortDescriptors, EveryAddressLeadsWhereItShould) {
  Built b;
  EXPECT_EQ(b.tables.root().v % (16 * kKiB), 0u);
  for (const Mapping& m : kWorld) {
    const auto mapped = b.tables.map(m.virt, m.to, m.access);
    ASSERT_TRUE(mapped.ok()) << mapped.error().subject;
  }
  uint64_t pages = 0, in_sections = 0;
  for (uint64_t virt = 0; virt < 4 * kGiB; virt += mm::kPageSize) {
    std::optional<Page> wanted;
    for (const Mapping& m : kWorld) {  // the last one counts
      if (virt < m.virt || virt - m.virt >= m.to.size()) continue;
      wanted = Page{m.to.start.v + (virt - m.virt), 0, m.access.write, m.access.execute,
                    m.access.cache == Cache::Uncached};
    }
    auto found = b.walk(static_cast<uint32_t>(virt));
    ASSERT_EQ(found.has_value(), wanted.has_value()) << std::hex << virt;
    if (!found) continue;
    if (found->size == kMiB) ++in_sections;
    found->size = 0;
    ASSERT_EQ(*found, *wanted) << std::hex << virt;
    ASSERT_FALSE(found->write && found->execute) << std::hex << virt;
    ++pages;
  }
  EXPECT_GT(pages, 767 * kMiB / mm::kPageSize);
  // All of lowmem but the first 2 MiB, and the 4 with the kernel in them.
  EXPECT_EQ(in_sections, (768 - 2 - 4) * kMiB / mm::kPageSize);
  // The builder's own way of looking says the same.
  EXPECT_EQ(b.tables.translate(0x8900'0018)->address, Phys{0x0900'0018});
  EXPECT_EQ(b.tables.translate(0x8900'0018)->access, kDevice);
  EXPECT_EQ(b.tables.translate(0xc200'0000)->page_size, kMiB);
  EXPECT_EQ(b.tables.translate(0xc200'0000)->access, kData);
  EXPECT_FALSE(b.tables.translate(uint64_t{1} << 32 | 0xc200'0000).has_value());
  uint64_t listed = 0;
  b.tables.for_each_page([&](uint64_t, const Translation& t) { listed += t.page_size; });
  EXPECT_EQ(listed, pages * mm::kPageSize);
}

// Sections go in twos: where one is split, its neighbour is, too, and both have their tables in one
// frame of their own.
TEST(ShortDescriptors, TablesComeInPairs) {
  Built b;
  ASSERT_TRUE(b.tables.map(0xc000'0000, range(0x4000'0000, 8 * kMiB), kData).ok());
  EXPECT_EQ(b.tables.used().end, b.tables.root() + 16 * kKiB);
  ASSERT_TRUE(b.tables.map(0xc030'1000, range(0x4030'1000, 0x1000), kConstants).ok());
  EXPECT_EQ(b.tables.used().end, b.tables.root() + 20 * kKiB);
  EXPECT_EQ(b.first(0xc010'0000) & 3, 2u);
  EXPECT_EQ(b.first(0xc040'0000) & 3, 2u);
  const uint32_t even = b.first(0xc020'0000), odd = b.first(0xc030'0000);
  EXPECT_EQ(even, (b.tables.root().v + 16 * kKiB) | 1);
  EXPECT_EQ(odd, even + 1024);
  EXPECT_EQ(*b.walk(0xc02f'f123), (Page{0x402f'f123, 4 * kKiB, true, false, false}));
  EXPECT_EQ(*b.walk(0xc030'0fff), (Page{0x4030'0fff, 4 * kKiB, true, false, false}));
  EXPECT_EQ(*b.walk(0xc030'1000), (Page{0x4030'1000, 4 * kKiB, false, false, false}));
  // A section does not replace a table again; what it maps is.
  ASSERT_TRUE(b.tables.map(0xc030'0000, range(0x5030'0000, kMiB), kCode).ok());
  EXPECT_EQ(b.first(0xc030'0000), odd);
  EXPECT_EQ(*b.walk(0xc030'1000), (Page{0x5030'1000, 4 * kKiB, false, true, false}));
  EXPECT_EQ(*b.walk(0xc02f'f000), (Page{0x402f'f000, 4 * kKiB, true, false, false}));
}

TEST(ShortDescriptors, ADeviceStaysOneWhenItsSectionIsSplit) {
  Built b;
  ASSERT_TRUE(b.tables.map(0x8800'0000, range(0x800'0000, 2 * kMiB), kDevice).ok());
  ASSERT_TRUE(b.tables.map(0x8800'3000, range(0x4000'3000, 0x1000), kCode).ok());
  EXPECT_EQ(*b.walk(0x8800'0000), (Page{0x800'0000, 4 * kKiB, true, false, true}));
  EXPECT_EQ(*b.walk(0x8810'0000), (Page{0x810'0000, 4 * kKiB, true, false, true}));
  EXPECT_EQ(*b.walk(0x8800'3000), (Page{0x4000'3000, 4 * kKiB, false, true, false}));
}

TEST(ShortDescriptors, TheRuntimeWorldSharesTheLastGiB) {
  Built b;
  ASSERT_TRUE(b.tables.map(kNarrowKernel, range(kImage, 0x1000), kCode).ok());
  ASSERT_TRUE(b.tables.map(kJump, range(kJump, 0x1000), kCode).ok());
  TableBuilder<PageEntry> runtime({b.tables.used().end, b.pool.end}, b.map, kShort);
  ASSERT_TRUE(runtime.start().ok());
  EXPECT_EQ(runtime.root().v % (16 * kKiB), 0u);
  runtime.share_upper_half(b.tables);
  EXPECT_EQ(runtime.translate(kNarrowKernel)->address, Phys{kImage});
  EXPECT_FALSE(runtime.translate(kJump).has_value());
}

TEST(ShortDescriptors, APoolOfTheRightSizeIsEnough) {
  Built b;
  // Two roots of 16 KiB, each behind 12 KiB that are lost.
  EXPECT_EQ(TableBuilder<PageEntry>::pages_for_root(kShort), 7u);
  const uint64_t pages = TableBuilder<PageEntry>::pages_for_root(kShort) +
                         TableBuilder<PageEntry>::pages_for(2, 6 * kMiB, 4 * kGiB, kShort, true);
  TableBuilder<PageEntry> tables({b.pool.start, b.pool.start + pages * mm::kPageSize}, b.map,
                                 kShort);
  ASSERT_TRUE(tables.start().ok());
  ASSERT_TRUE(tables.map(0xc000'1000, range(0x4000'1000, 4 * kMiB), kData).ok());
  ASSERT_TRUE(tables.map(0xd00f'f000, range(0x500f'f000, 2 * kMiB), kData).ok());

  TableBuilder<PageEntry> small({b.pool.start, b.pool.start + 6 * mm::kPageSize}, b.map, kShort);
  ASSERT_FALSE(small.start().ok());
}

TEST(ShortDescriptors, AnotherFormIsRefused) {
  for (const unsigned levels : {0u, 3u, 4u}) {
    Built b;
    PagingFeatures other = kShort;
    other.levels = levels;
    TableBuilder<PageEntry> tables(b.pool, b.map, other);
    const auto good = tables.start();
    ASSERT_FALSE(good.ok());
    EXPECT_STREQ(good.error().subject, "page tables");
  }
  Built b;
  EXPECT_FALSE(b.tables.map(0xffff'f000, range(0x4000'0000, 0x2000), kData).ok());
  EXPECT_FALSE(b.tables.map(4 * kGiB, range(0x4000'0000, 0x1000), kData).ok());
  EXPECT_TRUE(b.tables.map(0xffff'f000, range(0x4000'0000, 0x1000), kData).ok());
}

TEST(ArmSpace, BeginsWithRam) {
  EXPECT_EQ(kSpace.direct_map, 0x8000'0000u);
  EXPECT_EQ(kSpace.lowmem(), range(0x4000'0000, 768 * kMiB));
  // RAM from 3 GiB and 5 KiB on: 0xc000'0000 is at 0xc000'0000.
  const AddressSpace high = arm::address_space(Phys{0xc000'1400});
  EXPECT_EQ(high.direct_map, 0u);
  EXPECT_EQ(high.lowmem().start, Phys{0xc000'0000});
  // From 3.5 GiB on: 0 is at 0xe000'0000, modulo 2^32.
  EXPECT_EQ(arm::address_space(Phys{0xe000'0000}).direct_map, 0xe000'0000u);
}

std::string places(const AddressSpace& space, Range range) {
  std::string text;
  while (!range.empty()) {
    const AddressSpace::Piece piece = space.first_piece(range);
    char line[80];
    mm::format(line, "{:x}-{:x} at {:x}{}\n", piece.range.start, piece.range.end, piece.virt,
               piece.kept ? " kept" : "");
    text += line;
    range.start = piece.range.end;
  }
  return text;
}

TEST(ArmSpace, WhatIsNoLowmemHasItsPlaceBesideTheKernel) {
  EXPECT_EQ(places(kSpace, {Phys{0x900'0000}, Phys{0x900'1000}}), "9000000-9001000 at 89000000\n");
  EXPECT_EQ(places(kSpace, {Phys{0x3f00'0000}, Phys{0xc000'0000}}),
            "3f000000-3fe00000 at bf000000\n"
            "3fe00000-40000000 at bfe00000 kept\n"  // pkmap
            "40000000-77000000 at c0000000\n"
            "77000000-78000000 at f7000000 kept\n"  // the image and CPUs' own
            "78000000-7fc00000 at f8000000\n"
            "7fc00000-80000000 at ffc00000 kept\n"  // fixmap and vectors
            "80000000-80001000 at 0 kept\n"         // a null pointer
            "80001000-c0000000 at 1000\n");
  // As IA-32 has it.
  const AddressSpace ia32{.direct_map = 0xc000'0000,
                          .direct_map_size = kNarrowLowmem,
                          .identity_size = 0xc000'0000,
                          .narrow = true,
                          .kept = {mm::VirtualRange{0xf700'0000, 0xf800'0000}}};
  EXPECT_EQ(places(ia32, {Phys{0x36ff'f000}, Phys{0x1'0000'0000}}),
            "36fff000-37000000 at f6fff000\n"
            "37000000-38000000 at f7000000 kept\n"
            "38000000-40000000 at f8000000\n"
            "40000000-40001000 at 0 kept\n"
            "40001000-100000000 at 1000\n");
}

TEST(ArmSpace, WhatHasAPlaceHasAllOfIt) {
  EXPECT_TRUE(kSpace.has_place({Phys{0x7fbf'f000}, Phys{0x7fc0'0000}}));
  EXPECT_FALSE(kSpace.has_place({Phys{0x7fbf'ffff}, Phys{0x7fc0'0001}}));
  EXPECT_FALSE(kSpace.has_place({Phys{0x7ffe'c000}, Phys{0x7ffe'c018}}));
  EXPECT_TRUE(kSpace.has_place({}));
  // On a CPU of 64 bits nothing is in anything's way.
  EXPECT_TRUE(AddressSpace{.direct_map_size = kGiB}.has_place({Phys{0x7ffe'c000}, Phys{8 * kGiB}}));
}

// Memory from physical 0, in words.
struct Memory {
  std::vector<uint32_t> words = std::vector<uint32_t>(32 * kKiB / 4 + 64 * kKiB / 4);
  uint32_t& at(uint64_t address) { return words[address / 4]; }
  [[nodiscard]] mm::DirectMap map() const {
    return mm::DirectMap(reinterpret_cast<uintptr_t>(words.data()));
  }
  [[nodiscard]] std::vector<Range> found(const LiveTables& tables, size_t room = 16) const {
    std::vector<Range> out(room);
    const size_t count = arm::live_page_tables(tables, map(), out).value();
    out.resize(std::min(count, room));
    return out;
  }
};

TEST(ArmLiveTables, RootAndTablesOfOneKiBAreFound) {
  Memory memory;
  memory.at(0x4000) = 0x9c01;  // a table, its frame has three
  memory.at(0x4004) = 0x9801;
  memory.at(0x4008) = 0x9401;
  memory.at(0x400c) = 0x1234'0c02;  // a section
  memory.at(0x4010) = 0xb000;       // nothing
  memory.at(0x7ffc) = 0xa1e1;       // the last one, of domain 15
  EXPECT_EQ(memory.found({Phys{0x4000}, 2, 4096}),
            (std::vector<Range>{range(0x4000, 0x4000), range(0x9000, 0x2000)}));
  // TTBCR.N 2: a quarter of the addresses.
  EXPECT_EQ(memory.found({Phys{0x4000}, 2, 1024}),
            (std::vector<Range>{range(0x4000, 0x1000), range(0x9000, 0x1000)}));
  EXPECT_TRUE(memory.found({Phys{0x4000}, 0, 4096}).empty());
  EXPECT_EQ(arm::live_page_tables({Phys{0x4000}, 2, 4096}, memory.map(), {}).value(), 2u);
}

// With LPAE: 4 entries of 8 bytes, then 512.
TEST(ArmLiveTables, LongDescriptorsToo) {
  Memory memory;
  memory.at(0x4020) = 0x8003;       // a table of the second level
  memory.at(0x4028) = 0x4000'0701;  // a block of 1 GiB
  memory.at(0x8008) = 0xa003;       // a table of the third level
  memory.at(0xa000) = 0x1234'5003;  // a page
  EXPECT_EQ(
      memory.found({Phys{0x4020}, 3, 4}),
      (std::vector<Range>{range(0x4000, 0x1000), range(0x8000, 0x1000), range(0xa000, 0x1000)}));
}

}  // namespace
}  // namespace loader
