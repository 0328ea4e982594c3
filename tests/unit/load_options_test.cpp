// Load options are any bytes at all: text by a boot manager or a shell, records by firmware, junk.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "loader/menu/config.h"

namespace loader {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes utf16(std::u16string_view text) {
  Bytes bytes;
  for (const char16_t c : text) {
    bytes.push_back(static_cast<uint8_t>(c));
    bytes.push_back(static_cast<uint8_t>(c >> 8));
  }
  return bytes;
}

// The options, "nothing", or "error: ..."
std::string parse(const Bytes& bytes, bool from_shell = false) {
  std::vector<char> out(bytes.size() / 2 + 1, '\xcc');  // not a byte more: the sanitizers watch
  const auto options = parse_load_options(bytes, from_shell, out);
  if (!options.ok()) return std::string("error: ") + std::string(options.error().what);
  return options.value().has_value() ? *options.value() : "nothing";
}

TEST(LoadOptions, MissingOrEmptyAreNothing) {
  EXPECT_EQ(parse({}), "nothing");
  EXPECT_EQ(parse({0, 0}), "nothing");
  EXPECT_EQ(parse(utf16(u"  \t ")), "nothing");
}

TEST(LoadOptions, TextWithAndWithoutAnEnd) {
  using namespace std::string_view_literals;
  EXPECT_EQ(parse(utf16(u"selftest poweroff"sv)), "selftest poweroff");
  EXPECT_EQ(parse(utf16(u"selftest poweroff\0"sv)), "selftest poweroff");
  EXPECT_EQ(parse(utf16(u"  selftest\tpoweroff \0"sv)), "selftest\tpoweroff");
}

TEST(LoadOptions, WhatFollowsTheEndIsOfNoConcern) {
  using namespace std::string_view_literals;
  EXPECT_EQ(parse(utf16(u"selftest\0\x1234\xffff"sv)), "selftest");
  Bytes odd = utf16(u"selftest\0"sv);
  odd.push_back(7);
  EXPECT_EQ(parse(odd), "selftest");
}

TEST(LoadOptions, JunkIsRefused) {
  EXPECT_EQ(parse({0x4e, 0xac, 0x08, 0x81, 0x11, 0x9f, 0x59, 0x4d}),
            "error: not printable text (character {:#x}, at byte {})");
  EXPECT_EQ(parse({'s', 'e', 'l', 'f'}), "error: not printable text (character {:#x}, at byte {})");
  EXPECT_EQ(parse(utf16(u"caf\u00e9")), "error: not printable text (character {:#x}, at byte {})");
  EXPECT_EQ(parse(utf16(u"a\nb")), "error: not printable text (character {:#x}, at byte {})");
  EXPECT_EQ(parse(utf16(u"\x7f")), "error: not printable text (character {:#x}, at byte {})");
}

TEST(LoadOptions, AnOddSizeWithoutAnEndIsRefused) {
  Bytes odd = utf16(u"selftest");
  odd.pop_back();
  EXPECT_EQ(parse(odd), "error: no NUL and an odd size, so not UTF-16 (bytes {})");
  EXPECT_EQ(parse({'s'}), "error: no NUL and an odd size, so not UTF-16 (bytes {})");
}

TEST(LoadOptions, TheProgramsNameIsLeftOut) {
  EXPECT_EQ(parse(utf16(u"FS0:\\EFI\\BOOT\\BOOTX64.EFI selftest poweroff")), "selftest poweroff");
  EXPECT_EQ(parse(utf16(u"bootx64.Efi")), "nothing");
  EXPECT_EQ(parse(utf16(u"\"my disk\\bootx64.efi\"  selftest")), "selftest");
  EXPECT_EQ(parse(utf16(u"selftest bootx64.efi")), "selftest bootx64.efi");
  EXPECT_EQ(parse(utf16(u".efi x")), "x");
}

TEST(LoadOptions, AShellPassesItAsItWasTyped) {
  EXPECT_EQ(parse(utf16(u"bootx64 selftest"), true), "selftest");
  EXPECT_EQ(parse(utf16(u"bootx64"), true), "nothing");
  EXPECT_EQ(parse(utf16(u"bootx64 selftest"), false), "bootx64 selftest");
  EXPECT_EQ(parse(utf16(u"\"my boot\" selftest"), true), "selftest");
  EXPECT_EQ(parse(utf16(u"\"not closed selftest"), true), "\"not closed selftest");
}

TEST(LoadOptions, NoBytesMakeTroubleOfAnyLength) {
  Bytes bytes;
  uint64_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    bytes.resize(state >> 59);
    for (auto& byte : bytes) {
      state = state * 6364136223846793005 + 1442695040888963407;
      // Mostly ASCII and zeros, so that more than the first character is looked at.
      constexpr uint8_t kSome[] = {0, 0, 0, 0, 'a', ' ', '"', 'e', 'f', 'i', '.', 0xff};
      byte = kSome[(state >> 40) % sizeof(kSome)];
    }
    parse(bytes, i % 2 == 0);
  }
}

}  // namespace
}  // namespace loader
