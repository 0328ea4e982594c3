// A kernel of 32 bits is read as one of 64 is (elf_test.cpp), with words half as wide.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "loader/elf.h"

namespace loader {
namespace {

constexpr ElfKind kNarrow[] = {{.machine = 3, .wide = false}};
constexpr uint32_t kBase = kNarrowKernel;
constexpr uint32_t kX = 1, kW = 2, kR = 4;

struct Header {
  uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 1, 1, 1};
  uint16_t type = 2, machine = 3;
  uint32_t version = 1, entry = kBase + 0x10, phoff = 52, shoff = 0, flags = 0;
  uint16_t ehsize = 52, phentsize = 32, phnum = 2, shentsize = 0, shnum = 0, shstrndx = 0;
};
static_assert(sizeof(Header) == 52);

struct Segment {
  uint32_t type = 1, offset = 0, vaddr = 0, paddr = 0, filesz = 0, memsz = 0, flags = kR,
           align = 0x1000;
};
static_assert(sizeof(Segment) == 32);

struct Kernel {
  Header header;
  Segment segments[2] = {{1, 0x1000, kBase, 0, 0x1000, 0x1000, kR | kX, 0x1000},
                         {1, 0x2000, kBase + 0x1000, 0, 0x800, 0x1800, kR | kW, 0x1000}};

  [[nodiscard]] std::vector<uint8_t> file() const {
    std::vector<uint8_t> bytes(0x2800);
    std::memcpy(bytes.data(), &header, sizeof(header));
    std::memcpy(bytes.data() + sizeof(header), segments, sizeof(segments));
    bytes[0x1000] = 0xf4;
    bytes[0x27ff] = 0x5a;
    return bytes;
  }
  [[nodiscard]] std::string refusal() const {
    const auto image = parse_elf(file(), "kernel", kNarrow);
    if (image.ok()) return "";
    char text[200];
    mm::format(text, "{}", image.error());
    return text;
  }
};

TEST(Elf32, IsLaidOut) {
  const Kernel kernel;
  const auto file = kernel.file();
  const auto image = parse_elf(file, "kernel", kNarrow);
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image.value().entry, kBase + 0x10);
  EXPECT_EQ(image.value().start, kBase);
  EXPECT_EQ(image.value().size, 0x3000u);
  std::vector<uint8_t> memory(0x3000, 0xa5);
  load_elf(image.value(), file, memory);
  EXPECT_EQ(memory[0], 0xf4);
  EXPECT_EQ(memory[0x17ff], 0x5a);
  EXPECT_EQ(memory[0x1800], 0);
  HandoffSegment placed[kMaxSegments];
  ASSERT_EQ(place_segments(image.value(), mm::Phys{0x40'0000}, placed), 2u);
  EXPECT_EQ(placed[1].virt, kBase + 0x1000);
  EXPECT_EQ(placed[1].physical, 0x40'1000u);
  EXPECT_EQ(placed[1].flags, kR | kW);
}

TEST(Elf32, WhatIsWrongIsNamed) {
  Kernel k;
  k.header.ident[4] = 2;
  EXPECT_NE(k.refusal().find("not a 32-bit image"), std::string::npos) << k.refusal();
  k = {};
  k.header.machine = 62;
  EXPECT_NE(k.refusal().find("e_machine"), std::string::npos) << k.refusal();
  k = {};
  k.header.phentsize = 56;
  EXPECT_NE(k.refusal().find("e_phentsize"), std::string::npos) << k.refusal();
  for (const uint32_t where : {0x10'0000u, kBase - 0x1000, kBase + 0x100'0000, 0xffff'f000u}) {
    k = {};
    k.segments[1].vaddr = where;
    EXPECT_NE(k.refusal().find("outside the kernel's 16 MiB"), std::string::npos)
        << std::hex << where << k.refusal();
  }
  k = {};
  k.segments[1].memsz = 0xffff'ffff;
  EXPECT_NE(k.refusal().find("outside the kernel's 16 MiB"), std::string::npos) << k.refusal();
  std::vector<uint8_t> shorter = Kernel().file();
  shorter.resize(51);
  EXPECT_FALSE(parse_elf(shorter, "kernel", kNarrow).ok());
}

// A loader that starts kernels of both widths goes by the file's class.
TEST(Elf32, OfSeveralKindsItIsTheOneAsWide) {
  constexpr ElfKind kBoth[] = {{.machine = 3, .wide = false}, {.machine = 62, .wide = true}};
  Kernel k;
  auto image = parse_elf(k.file(), "kernel", kBoth);
  ASSERT_TRUE(image.ok());
  EXPECT_FALSE(image.value().kind.wide);
  k.header.ident[4] = 2;
  image = parse_elf(k.file(), "kernel", kBoth);
  ASSERT_FALSE(image.ok());
  char text[200];
  mm::format(text, "{}", image.error());
  EXPECT_NE(std::string(text).find("e_machine: for IA-32"), std::string::npos) << text;
  k.header.ident[4] = 3;
  EXPECT_FALSE(parse_elf(k.file(), "kernel", kBoth).ok());
}

}  // namespace
}  // namespace loader
