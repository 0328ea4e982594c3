// A static PIE is moved by its relative relocations, and nothing of it is believed before it was checked.
#include "loader/relocations.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace loader {
namespace {

constexpr uint64_t kBase = kKernelBase + 2 * mm::kMiB;
constexpr uint64_t kRelativeX86 = 8, kRelativeAarch64 = 1027;

struct Rela {
  uint64_t at, info, addend;
};
struct Entry {
  uint64_t tag, value;
};

// One segment of a page, the file's first:
//
//   0x000 headers   0x100 words   0x400 Elf64_Rela   0x800 Elf64_Relr   0xc00 dynamic section
struct Pie {
  static constexpr uint64_t kWords = 0x100, kRela = 0x400, kRelr = 0x800, kDynamic = 0xc00;

  uint16_t type = 3, machine = 62;
  std::vector<uint64_t> words = std::vector<uint64_t>(80);
  std::vector<Rela> rela;
  std::vector<uint64_t> relr;
  std::vector<Entry> dynamic;
  uint64_t dynamic_offset = kDynamic;

  [[nodiscard]] static uint64_t word(size_t i) { return kBase + kWords + 8 * i; }

  [[nodiscard]] std::vector<uint8_t> file() const {
    std::vector<uint8_t> bytes(0x1000);
    const auto put = [&](size_t at, const auto& value) {
      std::memcpy(bytes.data() + at, &value, sizeof(value));
    };
    const auto put_all = [&](size_t at, const auto& values) {
      for (const auto& value : values) {
        put(at, value);
        at += sizeof(value);
      }
    };
    const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    put(0, ident);
    put(16, type);
    put(18, machine);
    put(20, uint32_t{1});
    put(24, kBase);  // entry
    put(32, uint64_t{64});
    put(52, uint16_t{64});
    put(54, uint16_t{56});
    put(56, uint16_t{2});
    const uint64_t load[] = {1 | uint64_t{5} << 32, 0, kBase, 0, 0x1000, 0x1000, 0x1000};
    const uint64_t dynamics[] = {2 | uint64_t{4} << 32,
                                 dynamic_offset,
                                 0,
                                 0,
                                 dynamic.size() * sizeof(Entry),
                                 dynamic.size() * sizeof(Entry),
                                 8};
    put(64, load);
    put(120, dynamics);
    put_all(kWords, words);
    put_all(kRela, rela);
    put_all(kRelr, relr);
    put_all(kDynamic, dynamic);
    return bytes;
  }
  Pie& with_rela(std::vector<Rela> table) {
    rela = std::move(table);
    for (const Entry& e : {Entry{7, kBase + kRela}, {8, rela.size() * sizeof(Rela)}, {9, 24}})
      dynamic.push_back(e);
    return *this;
  }
  Pie& with_relr(std::vector<uint64_t> table) {
    relr = std::move(table);
    for (const Entry& e : {Entry{36, kBase + kRelr}, {35, relr.size() * 8}, {37, 8}})
      dynamic.push_back(e);
    return *this;
  }
};

struct Moved {
  std::string fault = "none";
  std::vector<uint64_t> words = std::vector<uint64_t>(80);
};

Moved move(const Pie& pie, uint64_t offset) {
  const auto file = pie.file();
  static constexpr ElfKind kKinds[] = {{62, true}}, kArm[] = {{183, true}};
  const auto image = parse_elf(file, "kernel.elf", pie.machine == 183 ? kArm : kKinds);
  if (!image.ok()) return {std::string(image.error().what), {}};
  EXPECT_TRUE(image.value().relocations.movable);
  std::vector<uint8_t> memory(image.value().size);
  load_elf(image.value(), file, memory);
  const mm::Result<> done = relocate(image.value(), file, memory, offset, "kernel.elf");
  if (!done.ok()) return {std::string(done.error().what), {}};
  Moved moved;
  std::memcpy(moved.words.data(), memory.data() + Pie::kWords, 80 * 8);
  return moved;
}

TEST(Relocations, RelaSaysWhatAWordIs) {
  Pie pie;
  pie.words[1] = 77;  // is overwritten
  pie.with_rela({{Pie::word(1), kRelativeX86, kBase + 0x10},
                 {0, 0, 0},  // of no kind: a linker leaves such
                 {Pie::word(4) + 3, kRelativeX86, kBase + 0x20}});
  EXPECT_EQ(move(pie, 0x40'0000).words[1], kBase + 0x40'0010);
  EXPECT_EQ(move(pie, 0).words[1], kBase + 0x10);
  uint64_t odd;
  const Moved down = move(pie, 0 - uint64_t{0x20'0000});
  std::memcpy(&odd, reinterpret_cast<const char*>(&down.words[4]) + 3, 8);
  EXPECT_EQ(odd, kKernelBase + 0x20);
}

TEST(Relocations, AArch64sAreOfItsOwnKind) {
  Pie pie;
  pie.machine = 183;
  pie.with_rela({{Pie::word(0), kRelativeAarch64, kBase}});
  EXPECT_EQ(move(pie, 0x20'0000).words[0], kBase + 0x20'0000);
  pie.machine = 62;
  EXPECT_EQ(move(pie, 0).fault.substr(0, 28), "a relocation is not relative");
}

//   word     0  1  2 ... 62 63 64 65 ... 71
//   moved    x  x     x        x          x
TEST(Relocations, RelrIsAWordAndTheBitsBehindIt) {
  Pie pie;
  for (size_t i = 0; i < 80; ++i) pie.words[i] = kBase + i;
  const auto bit = [](size_t word) {
    return uint64_t{1} << word;
  };  // of the words behind the first
  pie.with_relr({Pie::word(0), bit(1) | bit(62) | 1, bit(1) | bit(8) | 1});
  const Moved moved = move(pie, 0x1000'0000);
  for (size_t i = 0; i < 80; ++i) {
    const bool is = i == 0 || i == 1 || i == 62 || i == 64 || i == 71;
    EXPECT_EQ(moved.words[i], kBase + i + (is ? 0x1000'0000 : 0)) << i;
  }
}

TEST(Relocations, GnusLinkerCallsItAnExecutable) {
  Pie pie;
  pie.type = 2;
  pie.dynamic.push_back({0x6ffffffb, 0x08000001});
  pie.with_rela({{Pie::word(0), kRelativeX86, kBase}});
  EXPECT_EQ(move(pie, 0x20'0000).words[0], kBase + 0x20'0000);
}

TEST(Relocations, AnImageWithoutAnyIsMovedAsItIs) {
  Pie pie;
  pie.dynamic.push_back({0x6ffffffb, 0x08000001});
  pie.words[0] = 5;
  EXPECT_EQ(move(pie, 0x20'0000).words[0], 5U);
}

TEST(Relocations, OneThatDoesNotSayHowItIsMovedIsRefused) {
  EXPECT_EQ(move(Pie(), 0x20'0000).fault.substr(0, 18), "no dynamic section");
}

struct Case {
  const char* fault;  // begins the error's words
  std::function<void(Pie&)> spoil;
};
class RelocationFault : public testing::TestWithParam<Case> {};

TEST_P(RelocationFault, IsNamed) {
  Pie pie;
  pie.with_rela({{Pie::word(0), kRelativeX86, kBase}}).with_relr({Pie::word(4)});
  ASSERT_EQ(move(pie, 0).fault, "none");
  GetParam().spoil(pie);
  EXPECT_EQ(move(pie, 0).fault.substr(0, std::strlen(GetParam().fault)), GetParam().fault);
}

using P = Pie&;
const Case kFaults[] = {
    {"needs a dynamic linker", [](P p) { p.type = 2; }},
    {"needs a dynamic linker",
     [](P p) {
       p.dynamic.push_back({1, 1});
     }},  // DT_NEEDED
    {"needs a dynamic linker",
     [](P p) {
       p.dynamic.push_back({17, kBase});
     }},  // DT_REL
    {"needs a dynamic linker",
     [](P p) {
       p.dynamic.push_back({23, kBase});
     }},  // DT_JMPREL
    {"truncated: the dynamic section", [](P p) { p.dynamic_offset = 0xfa1; }},
    {"truncated: the dynamic section", [](P p) { p.dynamic_offset = 0 - uint64_t{8}; }},
    {"a table of relocations has no such form", [](P p) { p.dynamic[2].value = 16; }},
    {"a table of relocations has no such form", [](P p) { p.dynamic[1].value = 23; }},
    {"a table of relocations has no such form", [](P p) { p.dynamic[4].value = 4; }},
    {"a table of relocations lies in no segment", [](P p) { p.dynamic[0].value = kBase - 8; }},
    {"a table of relocations lies in no segment", [](P p) { p.dynamic[0].value = kBase + 0xff0; }},
    {"a table of relocations lies in no segment", [](P p) { p.dynamic[0].value = 0; }},
    {"a table of relocations lies in no segment",
     [](P p) { p.dynamic[4].value = 0 - uint64_t{8}; }},
    {"a relocation is not relative", [](P p) { p.rela[0].info = 1; }},
    {"a relocation is not relative",
     [](P p) { p.rela[0].info = kRelativeX86 | uint64_t{1} << 32; }},
    {"a relocation is for a word outside", [](P p) { p.rela[0].at = kBase - 1; }},
    {"a relocation is for a word outside", [](P p) { p.rela[0].at = kBase + 0xff9; }},
    {"a relocation is for a word outside", [](P p) { p.rela[0].at = 0; }},
    {"a relocation is for a word outside", [](P p) { p.relr[0] = ~uint64_t{1}; }},
    {"a relocation is for a word outside", [](P p) { p.relr[0] = 3; }},  // bits behind no word
};
INSTANTIATE_TEST_SUITE_P(Every, RelocationFault, testing::ValuesIn(kFaults));

TEST(Relocations, TheLastWordOfAnImageIsItsOwn) {
  Pie pie;
  pie.with_rela({{kBase + 0xff8, kRelativeX86, 1}});
  EXPECT_EQ(move(pie, 0).fault, "none");
}

}  // namespace
}  // namespace loader
