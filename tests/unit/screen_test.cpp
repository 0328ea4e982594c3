// Framebuffer and screen, drawn into memory in every pixel format and read back as glyphs.
#include "kernel/screen/screen.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kernel {
namespace {

// A framebuffer of any format, with a fence behind every line and behind the end.
class Panel {
 public:
  Panel(uint32_t width, uint32_t height, uint32_t format = 1, uint32_t more_per_line = 0,
        std::array<uint32_t, 4> masks = {}) {
    facts_ = {.address = 1,
              .size = 0,
              .width = width,
              .height = height,
              .pixels_per_line = width + more_per_line,
              .format = format,
              .red_mask = masks[0],
              .green_mask = masks[1],
              .blue_mask = masks[2],
              .reserved_mask = masks[3]};
    bytes = loader::bytes_per_pixel(facts_);
    facts_.size = uint64_t{facts_.pixels_per_line} * height * bytes;
    memory.assign(facts_.size, 0xee);
    made = Framebuffer::make(facts_, memory.data());
  }
  [[nodiscard]] uint32_t raw(uint32_t x, uint32_t y) const {
    uint32_t value = 0;
    for (uint32_t i = 0; i < bytes; ++i) {
      value |= uint32_t{memory[(size_t{y} * facts_.pixels_per_line + x) * bytes + i]} << (8 * i);
    }
    return value;
  }
  [[nodiscard]] bool fences_stand() const {
    for (uint32_t y = 0; y < facts_.height; ++y) {
      for (uint32_t x = facts_.width; x < facts_.pixels_per_line; ++x) {
        for (uint32_t i = 0; i < bytes; ++i) {
          if (memory[(size_t{y} * facts_.pixels_per_line + x) * bytes + i] != 0xee) return false;
        }
      }
    }
    return true;
  }
  loader::HandoffFramebuffer facts_;
  uint32_t bytes;
  std::vector<uint8_t> memory;
  mm::Result<Framebuffer> made = Framebuffer();
};

TEST(Framebuffer, PixelFormats) {
  const Colour colour{0xff, 0x80, 0x08};
  const struct {
    uint32_t format;
    std::array<uint32_t, 4> masks;
    uint32_t expected;
  } cases[] = {
      {0, {}, 0x000880ff},
      {1, {}, 0x00ff8008},
      {2, {0xff0000, 0xff00, 0xff, 0xff000000}, 0x00ff8008},
      {2, {0x3ff00000, 0xffc00, 0x3ff, 0xc0000000}, 0x3ff80820 | 0},
      {2, {0xf800, 0x07e0, 0x001f, 0}, 0xfc01},
      {2, {0x7c00, 0x03e0, 0x001f, 0x8000}, 0x7e01},
      {2, {0xff0000, 0xff00, 0xff, 0}, 0xff8008},
  };
  for (const auto& c : cases) {
    Panel panel(9, 5, c.format, 3, c.masks);
    ASSERT_TRUE(panel.made.ok());
    panel.made.value().fill({2, 1, 100, 3}, colour);
    EXPECT_EQ(panel.raw(2, 1), c.expected) << std::hex << panel.raw(2, 1);
    EXPECT_EQ(panel.raw(8, 2), c.expected);
    EXPECT_NE(panel.raw(1, 1), c.expected);
    EXPECT_NE(panel.raw(2, 3), c.expected);
    EXPECT_TRUE(panel.fences_stand());
  }
}

TEST(Framebuffer, WhatIsNone) {
  EXPECT_STREQ(Panel(8, 8, 3).made.error().what, "pixels of no format we know (format {})");
  EXPECT_STREQ(Panel(8, 8, 2, 0, {0xf0f, 0xf0, 0xf000, 0}).made.error().what,
               "a colour's mask is not one run (mask {:#x})");
  EXPECT_FALSE(Panel(0, 8).made.ok());
  Panel panel(8, 8);
  panel.facts_.size -= 1;
  EXPECT_FALSE(Framebuffer::make(panel.facts_, panel.memory.data()).ok());
  panel.facts_.pixels_per_line = 7;
  EXPECT_FALSE(Framebuffer::make(panel.facts_, panel.memory.data()).ok());
}

TEST(Framebuffer, NothingIsDrawnOutside) {
  Panel panel(20, 20, 1, 4);
  const Framebuffer& fb = panel.made.value();
  const Font& font = *typeface_for(640, 480).regular;
  fb.glyph(15, 10, font, 'W', fb.pen({}, {}));
  fb.glyph(25, 25, font, 'W', fb.pen({}, {}));
  fb.text(0, 19, font, "many words", {}, {});
  const std::vector<Colour> line(100);
  fb.line(18, 18, line.data(), 100, 9);
  fb.line(30, 0, line.data(), 100, 9);
  EXPECT_TRUE(panel.fences_stand());
}

// Where a letter stands decides how it is stored; it looks the same.
TEST(Framebuffer, LettersAreTheSameEverywhere) {
  for (const uint32_t width : {640u, 1920u, 2560u, 3840u}) {
    const Font& font = *typeface_for(width, width / 16 * 9).bold;
    for (const uint32_t more : {0u, 1u}) {
      Panel panel(3 * font.width + 7, font.height, 1, more);
      const Framebuffer& fb = panel.made.value();
      fb.fill(fb.box(), {1, 2, 3});
      EXPECT_EQ(panel.raw(fb.width() - 1, font.height - 1), 0x010203u);
      const uint32_t at[] = {0, font.width + 1, 2 * font.width + 2};
      for (const uint32_t x : at) fb.glyph(x, 0, font, 'R', fb.pen({255, 0, 0}, {0, 0, 255}));
      for (uint32_t y = 0; y < font.height; ++y) {
        for (uint32_t x = 0; x < font.width; ++x) {
          const bool ink =
              (font.glyph('R')[y * font.bytes_per_row() + x / 8] >> (7 - x % 8) & 1) != 0;
          for (const uint32_t left : at) {
            ASSERT_EQ(panel.raw(left + x, y), ink ? 0xff0000u : 0xffu) << x << ' ' << y;
          }
        }
      }
      EXPECT_TRUE(panel.fences_stand());
    }
  }
}

TEST(Typeface, LettersKeepTheirShareOfTheScreen) {
  const struct {
    uint32_t width, height, letter;
  } kSizes[] = {
      {640, 480, 16},   {800, 600, 16},   {1280, 800, 16},  {1366, 768, 16},
      {1680, 1050, 16}, {1920, 1080, 24}, {1920, 1200, 24}, {2560, 1440, 32},
      {3840, 2160, 48}, {5120, 2880, 48}, {2560, 1080, 24},  // 32 would leave 33 rows
      {1080, 1920, 16},                                      // 24 would leave 90 columns
  };
  for (const auto& size : kSizes) {
    const Typeface& face = typeface_for(size.width, size.height);
    EXPECT_EQ(face.regular->height, size.letter) << size.width;
    EXPECT_EQ(face.bold->height, size.letter) << size.width;
    EXPECT_GE(size.width / face.regular->width, 80u) << size.width;
    EXPECT_EQ(face.bold->width, face.regular->width);
  }
}

// The largest is made here: each pixel of a 24x12 letter is four.
TEST(Typeface, TheLargestIsTheMiddleOneDoubled) {
  const auto ink = [](const Font& font, char c, uint32_t x, uint32_t y) {
    return (font.glyph(c)[y * font.bytes_per_row() + x / 8] >> (7 - x % 8) & 1) != 0;
  };
  for (const auto face : {&Typeface::regular, &Typeface::bold}) {
    const Font& middle = *(typeface_for(1920, 1080).*face);
    const Font& large = *(typeface_for(3840, 2160).*face);
    ASSERT_EQ(large.width, 2 * middle.width);
    ASSERT_EQ(large.height, 2 * middle.height);
    for (char c = Font::kFirst; c <= Font::kLast; ++c) {
      for (uint32_t y = 0; y < large.height; ++y) {
        for (uint32_t x = 0; x < large.width; ++x) {
          ASSERT_EQ(ink(large, c, x, y), ink(middle, c, x / 2, y / 2)) << c << x << ' ' << y;
        }
      }
    }
  }
}

uint64_t now = 0;

class ScreenTest : public testing::Test {
 protected:
  explicit ScreenTest(uint32_t width = 640, uint32_t height = 160)
      : panel(width, height), screen(std::make_unique<Screen>()) {
    now = 1'000'000;
    screen->open(panel.made.value(), [] { return now; });
  }
  // A row as the screen remembers it; and the pixels say the same.
  std::string row(size_t number) {
    screen->flush();
    std::array<char, Screen::kMaxColumns> text;
    std::string said(screen->row_text(number, text));
    std::string seen;
    for (size_t column = 0; column < screen->columns(); ++column) seen += read(number, column);
    seen.resize(said.size());
    EXPECT_EQ(seen, said) << "row " << number;
    return said;
  }
  // What stands in the row above the one being written, as it is seen.
  std::string row_seen() {
    std::array<char, Screen::kMaxColumns> text;
    size_t last = 0;
    for (size_t r = 0; r < screen->rows(); ++r) last = screen->row_text(r, text).empty() ? last : r;
    std::string seen;
    for (size_t column = 0; column < 8; ++column) seen += read(last, column);
    return seen;
  }
  // The character whose glyph stands in the pixels, without the cursor's lines.
  char read(size_t row, size_t column) {
    for (const Font* font : {screen->typeface().regular, screen->typeface().bold}) {
      for (char c = Font::kFirst; c <= Font::kLast; ++c) {
        if (shows(row, column, *font, c)) return c;
      }
    }
    return '\0';
  }
  bool shows(size_t row, size_t column, const Font& font, char c) {
    const uint32_t paper = 12u << 16 | 14u << 8 | 20u;
    for (uint32_t y = 0; y < font.height - font.height / 8; ++y) {
      for (uint32_t x = 0; x < font.width; ++x) {
        const bool ink = (font.glyph(c)[y] >> (7 - x) & 1) != 0;
        const auto px = static_cast<uint32_t>(column) * font.width + x;
        const auto py = static_cast<uint32_t>(row) * font.height + y;
        if ((panel.raw(px, py) != paper) != ink) return false;
      }
    }
    return true;
  }
  Panel panel;
  std::unique_ptr<Screen> screen;
};

TEST_F(ScreenTest, WritesAndWraps) {
  EXPECT_EQ(screen->columns(), 80u);
  EXPECT_EQ(screen->rows(), 10u);
  screen->write("[    0.000000] Linux\n");
  screen->write(std::string(85, 'x') + "\nabc\bD\te");
  EXPECT_EQ(row(0), "[    0.000000] Linux");
  EXPECT_EQ(row(1), std::string(80, 'x'));
  EXPECT_EQ(row(2), "  xxxxx");
  EXPECT_EQ(row(3), "abD     e");
  EXPECT_TRUE(panel.fences_stand());
}

// Not in the middle of a word or number; rows that go on stand below each other.
TEST_F(ScreenTest, FoldsBetweenWords) {
  const std::string first(70, 'a');
  screen->write(first + " word123456 next\n");
  EXPECT_EQ(row(0), first);
  EXPECT_EQ(row(1), "   word123456 next");
  // A table of right-aligned numbers: the 10th number of each line crosses the edge.
  const auto line = [](uint64_t number) {
    std::string text = "Node 0, zone   Normal ";
    for (int i = 0; i < 12; ++i) {
      const std::string digits = std::to_string(number);
      text += std::string(6 - digits.size(), ' ') + digits + " ";
    }
    return text + "\n";
  };
  screen->write(line(7) + line(123456));
  EXPECT_EQ(row(2).size(), 77u);
  EXPECT_EQ(row(3), "        7      7      7      7");
  EXPECT_EQ(row(4).size(), 77u);
  EXPECT_EQ(row(5), "   123456 123456 123456 123456");
  EXPECT_TRUE(panel.fences_stand());
}

TEST_F(ScreenTest, FoldsBehindTheStamp) {
  screen->write("[    0.000000] " + std::string(60, 'a') + " zone 12345\n");
  EXPECT_EQ(row(0), "[    0.000000] " + std::string(60, 'a') + " zone");
  EXPECT_EQ(row(1), std::string(18, ' ') + "12345");
}

// A bracket is no stamp, unless it stands first and holds a time; and no indent eats the row.
TEST_F(ScreenTest, FoldsBehindNothingElse) {
  const std::string word(65, 'a');
  screen->write("[node 0] " + word + " zone 12345\n");
  EXPECT_EQ(row(1), "   12345");
  screen->write("  [1.5] " + word + " zone 123456\n");
  EXPECT_EQ(row(3), "     123456");
  screen->write(std::string(30, ' ') + std::string(45, 'b') + " zone 12345\n");
  EXPECT_EQ(row(5), std::string(21, ' ') + "12345");
}

TEST_F(ScreenTest, WhatFillsTheRowNeedsNoOther) {
  screen->write(std::string(80, 'x') + "     \n" + std::string(75, 'y') + " zzzz \nend");
  EXPECT_EQ(row(0), std::string(80, 'x'));
  EXPECT_EQ(row(1), std::string(75, 'y') + " zzzz");
  EXPECT_EQ(row(2), "end");
}

TEST_F(ScreenTest, BlanksBeyondTheEdgeAreKept) {
  screen->write(std::string(80, 'x') + "   7\n");
  EXPECT_EQ(row(1), "     7");
  screen->write(std::string(78, 'x') + "\t\t8\n");
  EXPECT_EQ(row(2), std::string(78, 'x'));
  EXPECT_EQ(row(3).back(), '8');
}

TEST_F(ScreenTest, ALongWordIsCutBehindAComma) {
  screen->write("badram " + std::string(50, '1') + ",0x0," + std::string(30, '2') + "\n");
  EXPECT_EQ(row(0), "badram " + std::string(50, '1') + ",0x0,");
  EXPECT_EQ(row(1), "  " + std::string(30, '2'));
}

TEST_F(ScreenTest, ScrollsSlowlyWhenThereIsTime) {
  for (int i = 0; i < 12; ++i) {
    now += 1'000'000;
    screen->write("line " + std::to_string(i) + "\n");
  }
  EXPECT_EQ(row(0), "line 3");
  EXPECT_EQ(row(8), "line 11");
  EXPECT_EQ(row(9), "");
}

TEST_F(ScreenTest, ScrollsByMoreInAHurryAndLosesNothing) {
  std::string all;
  for (int i = 0; i < 500; ++i) {
    now += 100;
    screen->write("line " + std::to_string(i) + "\n");
    // The newest line can be seen, always.
    bool seen = false;
    for (size_t r = 0; r < screen->rows(); ++r) {
      std::array<char, Screen::kMaxColumns> text;
      seen |= screen->row_text(r, text) == "line " + std::to_string(i);
    }
    ASSERT_TRUE(seen) << i;
  }
}

// A fault's words may be written from inside the scrolling that met it.
TEST_F(ScreenTest, WhatBreaksWhileScrollingIsToldOnTheLastRow) {
  static Screen* broken = nullptr;
  screen->open(panel.made.value(), [] {
    if (Screen* once = std::exchange(broken, nullptr)) once->write("Oops");
    return now += 1'000'000;
  });
  for (int i = 0; i < 9; ++i) screen->write("line " + std::to_string(i) + "\n");
  broken = screen.get();
  screen->write("line 9\n");
  EXPECT_EQ(row(8), "Oops 9");
  EXPECT_EQ(row(9), "");
  EXPECT_TRUE(panel.fences_stand());
}

// What is seen, without asking for it.
TEST_F(ScreenTest, LinesThatComeTogetherAreDrawnTogether) {
  screen->write("first\n");
  EXPECT_EQ(read(0, 0), 'f') << "nothing was drawn for long";
  const std::vector<uint8_t> before = panel.memory;
  now += Screen::kEvery - 1;
  screen->write("second\n");
  EXPECT_EQ(panel.memory, before);
  now += 1;
  screen->write("thi");
  EXPECT_EQ(panel.memory, before) << "the end of a line asks for the time";
  screen->write("rd\n");
  EXPECT_EQ(read(1, 0), 's');
  EXPECT_EQ(read(2, 3), 'r');
  screen->write("> ");
  screen->flush();
  EXPECT_EQ(read(3, 0), '>');
}

TEST_F(ScreenTest, WhatWentWrongIsDrawnAtOnce) {
  for (const char* line : {"not ok 1 ledger\n", "Kernel panic - x\n", "[Firmware Bug]: x\n"}) {
    screen->write("a plain line\n");
    screen->write(line);
    EXPECT_EQ(std::string(row_seen()), std::string(line).substr(0, 8));
  }
}

TEST_F(ScreenTest, WithoutTimeAllIsDrawnAtOnce) {
  for (const Screen::Clock clock :
       {Screen::Clock{nullptr}, Screen::Clock{[] { return uint64_t{0}; }}}) {
    screen->open(panel.made.value(), clock);
    screen->write("one\n");
    screen->write("two\n");
    EXPECT_EQ(read(1, 0), 't');
  }
}

TEST_F(ScreenTest, OnlyCellsThatChangeAreDrawn) {
  screen->write("abc");
  screen->flush();
  panel.memory.assign(panel.memory.size(), 0x11);
  screen->write("\rabX");
  screen->flush();
  EXPECT_EQ(panel.raw(0, 0), 0x11111111u) << "a is still there, as far as the screen knows";
  EXPECT_EQ(read(0, 2), 'X');
}

TEST_F(ScreenTest, TheCursorIsInOnePlace) {
  const uint32_t ink = 245u << 16 | 247u << 8 | 250u;
  const auto cursor_at = [&](size_t row, size_t column) {
    return panel.raw(static_cast<uint32_t>(column) * 8, static_cast<uint32_t>(row) * 16 + 15) ==
           ink;
  };
  screen->write("ab");
  screen->flush();
  EXPECT_TRUE(cursor_at(0, 2));
  screen->write("\n\n> ");
  screen->flush();
  EXPECT_FALSE(cursor_at(0, 2));
  EXPECT_TRUE(cursor_at(2, 2));
  for (int i = 0; i < 30; ++i) screen->write("line\n");
  screen->flush();
  for (size_t r = 0; r < screen->rows(); ++r) EXPECT_FALSE(cursor_at(r, 2)) << r;
}

// Who flushes each line would otherwise draw all of the screen for each. Until the next drawing the
// first line that scrolls makes room, and the others cost nothing.
TEST_F(ScreenTest, TheFirstLineThatScrollsBetweenTwoDrawingsMakesRoom) {
  screen->write("first\n");
  for (int i = 1; i < 10; ++i) screen->write("line " + std::to_string(i) + "\n");
  EXPECT_EQ(row(7), "line 9") << "two rows of ten at once";
  screen->write("next\n");
  EXPECT_EQ(row(7), "line 9");
  EXPECT_EQ(row(8), "next");
  screen->write("1\n2\n3\n4\n");
  EXPECT_EQ(row(8), "4");
  screen->write("1\n2\n3\n4\n5\n");
  EXPECT_EQ(row(8), "5");
}

TEST_F(ScreenTest, EditorSequences) {
  screen->write("> help\r> hlp\x1b[K\x1b[2D");
  EXPECT_EQ(row(0), "> hlp");
  screen->write("X");
  EXPECT_EQ(row(0), "> hXp");
  screen->write("\x1b[C\x1b[99C!\x1b[1;31mred\x1b[0m\x1b[?25l");
  EXPECT_EQ(row(0).back(), '!');
  EXPECT_EQ(row(1), "  red");
  screen->write("\x1b[H\x1b[2J$ ");
  EXPECT_EQ(row(0), "$");
  EXPECT_EQ(row(1), "");
}

TEST_F(ScreenTest, HiddenTextIsRemembered) {
  screen->write("before\n");
  screen->hide();
  const std::vector<uint8_t> picture = panel.memory;
  screen->write("during\n");
  EXPECT_EQ(panel.memory, picture);
  screen->framebuffer().fill(screen->framebuffer().box(), {1, 2, 3});
  screen->show();
  EXPECT_EQ(row(0), "before");
  EXPECT_EQ(row(1), "during");
}

TEST_F(ScreenTest, ColourForWhatMatters) {
  screen->write("[    0.000000] not ok 1 ledger\nplain\n");
  screen->flush();
  const auto has = [&](uint32_t row, Colour ink) {
    const uint32_t value = uint32_t{ink.red} << 16 | uint32_t{ink.green} << 8 | ink.blue;
    for (uint32_t y = row * 16; y < row * 16 + 14; ++y) {
      for (uint32_t x = 0; x < 640; ++x) {
        if (panel.raw(x, y) == value) return true;
      }
    }
    return false;
  };
  EXPECT_TRUE(has(0, ink_of(Look::Bad)));
  EXPECT_TRUE(has(0, ink_of(Look::Faint)));
  EXPECT_FALSE(has(0, ink_of(Look::Plain)));
  EXPECT_TRUE(has(1, ink_of(Look::Plain)));
}

TEST(Look, OfLines) {
  EXPECT_EQ(look_of("[    0.000000] Kernel panic - not syncing: x"), Look::Bad);
  EXPECT_EQ(look_of("---[ end Kernel panic ]---"), Look::Bad);
  EXPECT_EQ(look_of("  panic[=fault|stack|ud]: break on purpose"), Look::Plain) << "an option";
  EXPECT_EQ(look_of("[    0.000000] Command line: panic=fault"), Look::Plain);
  EXPECT_EQ(look_of("ok 3 buddy"), Look::Good);
  EXPECT_EQ(look_of("  ok 3 buddy # SKIP one node only, nothing failed"), Look::Faint);
  EXPECT_EQ(look_of("  ok 3 buddy # XFAIL known of this firmware"), Look::Warning);
  EXPECT_EQ(look_of("  not ok 3 buddy # XPASS known of this firmware"), Look::Bad);
  EXPECT_EQ(look_of("  # Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0"), Look::Faint);
  EXPECT_EQ(look_of("  # advice: memory may be corrupted"), Look::Faint);
  EXPECT_EQ(look_of("  # found: corrupt"), Look::Plain);
  const std::string counts = "[    1.5] Self-tests: ";
  EXPECT_EQ(look_of(counts + "12 passed, 0 failed, 3 skipped, 1 known failure"), Look::Good);
  EXPECT_EQ(look_of(counts + "12 passed, 10 failed, 0 skipped, 0 known failures"), Look::Bad);
  EXPECT_EQ(look_of(counts + "0 passed, 0 failed, 3 skipped, 0 known failures"), Look::Plain);
  EXPECT_EQ(look_of("[    1.5] memtest: error at 0x1000 (node 0): wrote 1, read 2"), Look::Bad);
  EXPECT_EQ(look_of("[    1.5] memtest: 3 bad pages, 12 KiB, taken out of use"), Look::Bad);
  EXPECT_EQ(look_of("the write failed"), Look::Bad);
  EXPECT_EQ(look_of("    not ok 3 buddy"), Look::Bad);
  EXPECT_EQ(look_of("# comment"), Look::Faint);
  EXPECT_EQ(look_of("[ 9.1] [Firmware Bug]: x"), Look::Warning);
  EXPECT_EQ(look_of("[    0.000000] e820: x"), Look::Plain);
  EXPECT_EQ(look_of("[    0.000000] Baton version 0.1.0 (a)"), Look::Title);
  EXPECT_EQ(look_of(""), Look::Plain);
}

TEST(Screen, EverySizeFits) {
  for (const auto& [width, height] : {std::pair{640u, 480u},
                                      {800u, 600u},
                                      {1366u, 768u},
                                      {2560u, 1440u},
                                      {3840u, 2160u},
                                      {1080u, 1920u},
                                      {5u, 5u}}) {
    Panel panel(width, height, 1, 8);
    const auto screen = std::make_unique<Screen>();
    screen->open(panel.made.value(), nullptr);
    EXPECT_EQ(screen->is_open(), width > 5);
    for (int i = 0; i < 300; ++i) screen->write("word after word after word ");
    screen->write("\n");
    EXPECT_TRUE(panel.fences_stand());
  }
}

}  // namespace
}  // namespace kernel
