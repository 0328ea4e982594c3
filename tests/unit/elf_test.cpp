// An ELF image is believed only after every field, sum and overlap was checked.
#include "loader/elf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace loader {
namespace {

constexpr uint64_t kBase = kKernelBase;
constexpr uint32_t kX = 1, kW = 2, kR = 4;

struct Header {
  uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  uint16_t type = 2, machine = 62;
  uint32_t version = 1;
  uint64_t entry = kBase + 0x10, phoff = 64, shoff = 0;
  uint32_t flags = 0;
  uint16_t ehsize = 64, phentsize = 56, phnum = 0, shentsize = 0, shnum = 0, shstrndx = 0;
};
static_assert(sizeof(Header) == 64);

struct Segment {
  uint32_t type = 1, flags = kR;
  uint64_t offset = 0, vaddr = 0, paddr = 0, filesz = 0, memsz = 0, align = 0x1000;
};
static_assert(sizeof(Segment) == 56);

// A kernel of three segments: one page of text, one of constants, and data whose last page and a
// half the file does not have.
//
//   file    0x1000 text   0x2000 rodata   0x3000 data 0x800
//   memory  +0x0000       +0x1000         +0x2000 .. +0x3800
struct Kernel {
  Header header;
  std::vector<Segment> segments{
      {1, kR | kX, 0x1000, kBase, 0, 0x1000, 0x1000, 0x1000},
      {1, kR, 0x2000, kBase + 0x1000, 0, 0xfff, 0xfff, 0x1000},
      {1, kR | kW, 0x3000, kBase + 0x2000, 0, 0x800, 0x1800, 0x1000},
  };
  size_t size = 0x3800;

  [[nodiscard]] std::vector<uint8_t> file() const {
    std::vector<uint8_t> bytes(size);
    for (size_t i = 0x1000; i < size; ++i) bytes[i] = static_cast<uint8_t>(i >> 8 ^ i);
    Header h = header;
    if (h.phnum == 0) h.phnum = static_cast<uint16_t>(segments.size());
    const auto put = [&bytes](size_t at, const void* from, size_t length) {
      for (size_t i = 0; i < length && at + i < bytes.size(); ++i) {
        bytes[at + i] = static_cast<const uint8_t*>(from)[i];
      }
    };
    put(0, &h, sizeof(h));
    put(64, segments.data(), segments.size() * sizeof(Segment));
    return bytes;
  }
};

std::string fault_of(const Kernel& kernel) {
  const auto image = parse_elf(kernel.file(), "kernel.elf");
  if (image.ok()) return "none";
  EXPECT_STREQ(image.error().subject, "kernel.elf");
  return std::string(image.error().what);
}

TEST(Elf, AGoodKernelIsTaken) {
  const auto image = parse_elf(Kernel{}.file(), "kernel.elf");
  ASSERT_TRUE(image.ok()) << image.error().what;
  EXPECT_EQ(image.value().count, 3U);
  EXPECT_EQ(image.value().entry, kBase + 0x10);
  EXPECT_EQ(image.value().start, kBase);
  EXPECT_EQ(image.value().size, 0x4000U);
}

struct Case {
  const char* fault;  // begins the error's words
  std::function<void(Kernel&)> spoil;
};

class ElfFault : public testing::TestWithParam<Case> {};

TEST_P(ElfFault, IsNamed) {
  Kernel kernel;
  GetParam().spoil(kernel);
  const std::string fault = fault_of(kernel);
  EXPECT_EQ(fault.substr(0, std::strlen(GetParam().fault)), GetParam().fault);
}

using K = Kernel&;
const Case kFaults[] = {
    {"not an ELF file", [](K k) { k.size = 0; }},
    {"not an ELF file", [](K k) { k.size = 3; }},
    {"not an ELF file", [](K k) { k.header.ident[0] = 0x7e; }},
    {"not an ELF file", [](K k) { k.header.ident[3] = 'f'; }},
    {"truncated inside the ELF header", [](K k) { k.size = 4; }},
    {"truncated inside the ELF header", [](K k) { k.size = 63; }},
    {"e_ident: not a 64-bit", [](K k) { k.header.ident[4] = 1; }},
    {"e_ident: not little endian", [](K k) { k.header.ident[5] = 2; }},
    {"e_version", [](K k) { k.header.ident[6] = 0; }},
    {"e_version", [](K k) { k.header.version = 2; }},
    {"e_machine", [](K k) { k.header.machine = 183; }},
    {"e_machine", [](K k) { k.header.machine = 3; }},
    {"e_type", [](K k) { k.header.type = 1; }},
    {"e_type", [](K k) { k.header.type = 4; }},
    {"e_ehsize", [](K k) { k.header.ehsize = 52; }},
    {"e_phnum", [](K k) { k.segments.clear(); }},
    {"e_phentsize", [](K k) { k.header.phentsize = 32; }},
    {"e_phentsize", [](K k) { k.header.phentsize = 0; }},
    {"truncated: the program headers", [](K k) { k.header.phoff = 0x3800; }},
    {"truncated: the program headers", [](K k) { k.header.phoff = ~uint64_t{0}; }},
    {"truncated: the program headers", [](K k) { k.header.phoff = 0 - uint64_t{100}; }},
    {"truncated: the program headers", [](K k) { k.header.phnum = 0xffff; }},
    {"truncated: the program headers", [](K k) { k.size = 64 + 3 * 56 - 1; }},
    {"truncated: a segment", [](K k) { k.size = 0x37ff; }},
    {"truncated: a segment", [](K k) { k.segments[0].offset = 0 - uint64_t{0x1000}; }},
    {"truncated: a segment",
     [](K k) {
       k.segments[2].filesz = ~uint64_t{0} - 0x1000;
       k.segments[2].memsz = ~uint64_t{0};
     }},
    {"segment larger in the file", [](K k) { k.segments[2].memsz = 0x7ff; }},
    {"p_align is no power of two", [](K k) { k.segments[0].align = 0x1001; }},
    {"p_align is no power of two", [](K k) { k.segments[0].align = 3; }},
    {"p_vaddr and p_offset differ", [](K k) { k.segments[1].offset -= 8; }},
    {"p_vaddr and p_offset differ", [](K k) { k.segments[0].align = 0x200000; }},
    {"segment not mappable", [](K k) { k.segments[0].vaddr = 0x100000; }},
    {"segment not mappable", [](K k) { k.segments[0].vaddr = kBase - 0x1000; }},
    {"segment not mappable", [](K k) { k.segments[2].vaddr = 0 - uint64_t{0x1000}; }},
    {"segment not mappable",
     [](K k) {
       k.segments[2].align = 0;
       k.segments[2].vaddr = ~uint64_t{0};
       k.segments[2].filesz = k.segments[2].memsz = 1;
     }},
    {"segment not mappable", [](K k) { k.segments[2].memsz = 0x7fff'e000; }},
    {"segment not mappable", [](K k) { k.segments[2].memsz = ~uint64_t{0}; }},
    {"segment with unknown flags", [](K k) { k.segments[1].flags = 0x10'0004; }},
    {"segment both writable and executable", [](K k) { k.segments[2].flags = kR | kW | kX; }},
    {"segments overlap", [](K k) { k.segments[1].vaddr = kBase; }},
    {"segments overlap", [](K k) { k.segments[2].memsz = 0x1800, k.segments[0].vaddr += 0x3000; }},
    {"segments overlap", [](K k) { k.segments[0].memsz = 0x1001; }},
    {"segments with different rights share a page",
     [](K k) {
       k.segments[1].vaddr = kBase + 0x1800;
       k.segments[1].offset = 0x2800;
       k.segments[1].filesz = k.segments[1].memsz = 0x800;
       k.segments[0].memsz = 0x1200;
     }},
    {"e_entry", [](K k) { k.header.entry = 0; }},
    {"e_entry", [](K k) { k.header.entry = kBase + 0x1000; }},
    {"e_entry", [](K k) { k.header.entry = kBase - 1; }},
    {"e_entry", [](K k) { k.segments[0].flags = kR; }},
    {"needs a dynamic linker",
     [](K k) {
       k.segments.push_back({3, kR, 0x1000, 0, 0, 8, 8, 1});
     }},
    {"needs a dynamic linker",
     [](K k) {
       k.segments.push_back({2, kR, 0x1000, 0, 0, 8, 8, 8});
     }},
    {"no loadable segment",
     [](K k) {
       for (auto& s : k.segments) s.type = 6;
     }},
    {"a note ends behind its segment", [](K k) { k.segments[1].type = 4; }},
    {"no loadable segment",
     [](K k) {
       for (auto& s : k.segments) s.filesz = s.memsz = 0;
     }},
    {"more loadable segments",
     [](K k) {
       for (uint64_t i = 0; i < kMaxSegments; ++i) {
         k.segments.push_back({1, kR, 0x1000, kBase + (16 + i) * 0x1000, 0, 8, 8, 0x1000});
       }
     }},
};
INSTANTIATE_TEST_SUITE_P(Every, ElfFault, testing::ValuesIn(kFaults));

TEST(Elf, TheLargestImageEndsAPageBelowTheTop) {
  Kernel kernel;
  kernel.segments[2].memsz = 0 - mm::kPageSize - kernel.segments[2].vaddr;
  const auto image = parse_elf(kernel.file(), "kernel.elf");
  ASSERT_TRUE(image.ok()) << image.error().what;
  EXPECT_EQ(image.value().size, 0x7fff'f000U);
}

TEST(Elf, SegmentsOutOfOrderAreSorted) {
  Kernel kernel;
  std::swap(kernel.segments[0], kernel.segments[2]);
  const auto image = parse_elf(kernel.file(), "kernel.elf");
  ASSERT_TRUE(image.ok()) << image.error().what;
  EXPECT_EQ(image.value().storage[0].virt, kBase);
  EXPECT_EQ(image.value().storage[2].virt, kBase + 0x2000);
}

TEST(Elf, WhatTheFileDoesNotFillIsZero) {
  Kernel kernel;
  kernel.segments[1].vaddr += 0x3000;  // a hole of a page between data and constants
  kernel.segments[2].vaddr -= 0x1000;
  const auto file = kernel.file();
  const auto image = parse_elf(file, "kernel.elf");
  ASSERT_TRUE(image.ok()) << image.error().what;
  ASSERT_EQ(image.value().size, 0x5000U);
  std::vector<uint8_t> memory(image.value().size, 0xcc);
  load_elf(image.value(), file, memory);
  for (size_t i = 0; i < memory.size(); ++i) {
    uint8_t expected = 0;
    if (i < 0x1000) expected = file[0x1000 + i];
    if (i >= 0x1000 && i < 0x1800) expected = file[0x3000 + i - 0x1000];
    if (i >= 0x4000 && i < 0x4fff) expected = file[0x2000 + i - 0x4000];
    ASSERT_EQ(memory[i], expected) << "at " << i;
  }
}

TEST(Elf, SegmentsArePlacedByWholePages) {
  const auto image = parse_elf(Kernel{}.file(), "kernel.elf");
  ASSERT_TRUE(image.ok());
  std::array<HandoffSegment, kMaxSegments> placed{};
  ASSERT_EQ(place_segments(image.value(), mm::Phys{0x60'0000}, placed), 3U);
  const HandoffSegment expected[] = {
      {0x60'0000, kBase, 0x1000, kR | kX, 0},
      {0x60'1000, kBase + 0x1000, 0x1000, kR, 0},
      {0x60'2000, kBase + 0x2000, 0x2000, kR | kW, 0},
  };
  EXPECT_EQ(std::memcmp(placed.data(), expected, sizeof(expected)), 0);
}

TEST(Elf, SegmentsAreMovedTogether) {
  const auto image = parse_elf(Kernel{}.file(), "kernel.elf");
  ASSERT_TRUE(image.ok());
  std::array<HandoffSegment, kMaxSegments> placed{};
  ASSERT_EQ(place_segments(image.value(), mm::Phys{0x60'0000}, placed, 0x40'0000), 3U);
  EXPECT_EQ(placed[2].virt, kBase + 0x40'2000);
  EXPECT_EQ(placed[2].physical, 0x60'2000U);
}

TEST(Elf, NeighboursWithTheSameRightsMayShareAPage) {
  Kernel kernel;
  kernel.segments[2] = {1, kR, 0x2fff, kBase + 0x1fff, 0, 0x801, 0x1801, 0x1000};
  const auto image = parse_elf(kernel.file(), "kernel.elf");
  ASSERT_TRUE(image.ok()) << image.error().what;
  std::array<HandoffSegment, kMaxSegments> placed{};
  ASSERT_EQ(place_segments(image.value(), mm::Phys{0x60'0000}, placed), 2U);
  EXPECT_EQ(placed[1].virt, kBase + 0x1000);
  EXPECT_EQ(placed[1].size, 0x3000U);
}

TEST(Elf, NoFlippedBitOfTheHeadersLeadsOutOfTheFile) {
  const Kernel kernel;
  const auto good = kernel.file();
  const size_t headers = 64 + 3 * 56;
  for (size_t bit = 0; bit < headers * 8; ++bit) {
    auto file = good;
    file[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    const auto image = parse_elf(file, "kernel.elf");
    if (!image.ok() || image.value().size > 1 << 20) continue;
    std::vector<uint8_t> memory(image.value().size);
    load_elf(image.value(), file, memory);  // the sanitizers watch
  }
}

}  // namespace
}  // namespace loader
