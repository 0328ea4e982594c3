// What formats print as. That wrong ones do not compile is tests/tools/test_format.py's to show.
#include "mm/format.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "mm/print.h"
#include "mm/types.h"

namespace machine {

enum class Colour { Red, Green };
constexpr const char* printed(Colour c) { return c == Colour::Red ? "red" : "green"; }

struct Place {
  int x, y;
};
mm::Printed printed(const Place& p);

}  // namespace machine

namespace mm {
namespace {

template <class... Args>
std::string shown(Format<std::type_identity_t<Args>...> format, Args... args) {
  std::string text;
  const Printer out(
      [](void* to, std::string_view piece) { static_cast<std::string*>(to)->append(piece); },
      &text);
  out.part(format, args...);
  return text;
}

TEST(Format, Words) {
  EXPECT_EQ(shown(""), "");
  EXPECT_EQ(shown("no value, 100 %d"), "no value, 100 %d");
  EXPECT_EQ(shown("{{}}"), "{}");
  EXPECT_EQ(shown("a{{b}}c{{"), "a{b}c{");
  EXPECT_EQ(shown("{{{}}}", 1), "{1}");
  EXPECT_EQ(shown("{}{}", 1, 2), "12");
}

TEST(Format, IntegersOfEveryWidth) {
  EXPECT_EQ(shown("{} {}", uint8_t{200}, int8_t{-100}), "200 -100");
  EXPECT_EQ(shown("{} {}", uint16_t{0xffff}, int16_t{-1}), "65535 -1");
  EXPECT_EQ(shown("{} {}", 0xffffffffu, std::numeric_limits<int>::min()), "4294967295 -2147483648");
  EXPECT_EQ(shown("{} {}", 5ul, -5l), "5 -5");
  EXPECT_EQ(shown("{}", ~uint64_t{0}), "18446744073709551615");
  EXPECT_EQ(shown("{}", std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  // What an ellipsis would have shifted where long is 32 bits.
  EXPECT_EQ(shown("{:x} {} {:x}", uint64_t{1} << 32, 7, uint64_t{1} << 63),
            "100000000 7 8000000000000000");
}

TEST(Format, Hexadecimal) {
  EXPECT_EQ(shown("{:x} {:#x} {:x}", 0xabcdefu, 0x10, 0), "abcdef 0x10 0");
  EXPECT_EQ(shown("{:#x}", 0), "0x0");
  EXPECT_EQ(shown("{:X} {:06X}", 0xabcdefu, 0xabcd), "ABCDEF 00ABCD");
  EXPECT_EQ(shown("{:x} {:#x}", int8_t{-1}, -16), "-1 -0x10");
  EXPECT_EQ(shown("{:016x}", uint64_t{0x1000}), "0000000000001000");
  EXPECT_EQ(shown("{:#06x}|{:#6x}|{:<#6x}|", 0x1f, 0x1f, 0x1f), "0x001f|  0x1f|0x1f  |");
}

TEST(Format, Fields) {
  EXPECT_EQ(shown("{:4}|{:<4}|{:>4}|{:04}|", 12, 12, 12, 12), "  12|12  |  12|0012|");
  EXPECT_EQ(shown("{:4}|{:<4}|{:04}|", -1, -1, -1), "  -1|-1  |-001|");
  EXPECT_EQ(shown("{:2}|{:02}|{:1}", 12345, 12345, "text"), "12345|12345|text");
  EXPECT_EQ(shown("{:4}|{:<4}|{:>4}|", "ab", "ab", "ab"), "ab  |ab  |  ab|");
  EXPECT_EQ(shown("{:3}|{:>3}|", 'c', 'c'), "c  |  c|");
  EXPECT_EQ(shown("{:099}", 1), std::string(98, '0') + "1");
}

TEST(Format, Texts) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(shown("{}, {}", "literal", std::string("string")), "literal, string");
  EXPECT_EQ(shown("[{}]", "a\0b"sv), std::string("[a\0b]", 5));
  EXPECT_EQ(shown("[{:5}]", std::string_view("abcdef").substr(1, 3)), "[bcd  ]");
  EXPECT_EQ(shown("[{}] [{:2}]", ""sv, std::string_view()), "[] [  ]");
  EXPECT_EQ(shown("{}", static_cast<const char*>(nullptr)), "(null)");
  EXPECT_EQ(shown("{}", '%'), "%");
}

TEST(Format, OwnTypes) {
  EXPECT_EQ(shown("{} {:x} {:012x}", Phys{0x1000}, Phys{0x1000}, Phys{0x1000}),
            "0x1000 1000 000000001000");
  EXPECT_EQ(shown("{}", Pfn{0x1f}), "0x1f");
  EXPECT_EQ(shown("{} {:x}", reinterpret_cast<void*>(0x1f), Hex{0x2f}), "0x1f 2f");
  EXPECT_EQ(shown("{:6}|{}", machine::Colour::Red, machine::Colour::Green), "red   |green");
  EXPECT_EQ(shown("{} {}", machine::Place{1, -2}, 3), "(1, -2) 3");
}

TEST(Format, Ranges) {
  constexpr Range kRange{Phys{0x1000}, Phys{0x100000000}};
  EXPECT_EQ(shown("{}", mem(kRange)), "[mem 0x0000000000001000-0x00000000ffffffff]");
  EXPECT_EQ(shown("{:08x} {:012x}", mem(kRange), mem(PfnRange{Pfn{1}, Pfn{2}})),
            "[mem 0x00001000-0xffffffff] [mem 0x000000001000-0x000000001fff]");
  EXPECT_EQ(shown("{}", kRange), "[0x1000-0x100000000)");
  EXPECT_EQ(shown("{}", PfnRange{Pfn{1}, Pfn{0x20}}), "[0x1-0x20)");
}

TEST(Format, OneOfEachKindInARow) {
  EXPECT_EQ(shown("{} {} {} {} {} {} {} {}", 1u, -1, Hex{1}, 'c', "text", std::string_view("view"),
                  Range{Phys{0}, Phys{1}}, 2u),
            "1 -1 0x1 c text view [0x0-0x1) 2");
  EXPECT_EQ(shown("{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
                  14, 15u),
            "0123456789101112131415");
}

}  // namespace
}  // namespace mm

mm::Printed machine::printed(const Place& p) {
  return {[](const mm::Printer& out, const mm::Spec&, uint64_t x, uint64_t y) {
            out.part("({}, {})", static_cast<int>(x), static_cast<int>(y));
          },
          static_cast<uint64_t>(p.x), static_cast<uint64_t>(p.y)};
}
