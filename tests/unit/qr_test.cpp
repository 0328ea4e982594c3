// QR codes, read back by a reader of our own that shares nothing with the writer.
#include "kernel/screen/qr.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace kernel {
namespace {

// --- Reader
// ---------------------------------------------------------------------------------------

// Logarithms in the field of 256 elements, where the writer multiplies bit by bit.
struct Field {
  std::array<int, 256> log{};
  std::array<int, 510> power{};
  Field() {
    int value = 1;
    for (int i = 0; i < 255; ++i) {
      power[static_cast<size_t>(i)] = power[static_cast<size_t>(i + 255)] = value;
      log[static_cast<size_t>(value)] = i;
      value <<= 1;
      if (value > 255) value ^= 285;
    }
  }
  [[nodiscard]] int times(int a, int b) const {
    if (a == 0 || b == 0) return 0;
    return power[static_cast<size_t>(log[static_cast<size_t>(a)] + log[static_cast<size_t>(b)])];
  }
};

// A block is whole when the polynomial it stands for is zero at the generator's roots.
bool is_whole(const std::vector<int>& block, int corrections) {
  static const Field field;
  for (int root = 0; root < corrections; ++root) {
    int value = 0;
    for (const int c : block)
      value = field.times(value, field.power[static_cast<size_t>(root)]) ^ c;
    if (value != 0) return false;
  }
  return true;
}

// Alignment centres of the standard's annex E for the versions that the tests use.
std::vector<unsigned> centres(unsigned version) {
  switch (version) {
    case 1:
      return {};
    case 2:
      return {6, 18};
    case 3:
      return {6, 22};
    case 7:
      return {6, 22, 38};
    case 10:
      return {6, 28, 50};
    case 14:
      return {6, 26, 46, 66};
    case 20:
      return {6, 34, 62, 90};
    case 22:
      return {6, 26, 50, 74, 98};
    case 25:
      return {6, 32, 58, 84, 110};
    default:
      throw std::runtime_error("no centres for version " + std::to_string(version));
  }
}

bool is_function(unsigned version, unsigned x, unsigned y) {
  const unsigned side = 17 + 4 * version;
  if (x == 6 || y == 6) return true;
  if (x < 9 && y < 9) return true;
  if (x >= side - 8 && y < 9) return true;
  if (x < 9 && y >= side - 8) return true;
  if (version >= 7 && ((x >= side - 11 && y < 6) || (y >= side - 11 && x < 6))) return true;
  const std::vector<unsigned> at = centres(version);
  for (const unsigned cx : at) {
    for (const unsigned cy : at) {
      const bool finder =
          (cx == 6 && cy == 6) || (cx == 6 && cy == at.back()) || (cx == at.back() && cy == 6);
      if (!finder && x + 2 >= cx && x <= cx + 2 && y + 2 >= cy && y <= cy + 2) return true;
    }
  }
  return false;
}

bool flips(unsigned mask, unsigned i, unsigned j) {  // row, column, as the standard writes them
  const bool rule[] = {(i + j) % 2 == 0,
                       i % 2 == 0,
                       j % 3 == 0,
                       (i + j) % 3 == 0,
                       (i / 2 + j / 3) % 2 == 0,
                       (i * j) % 2 + (i * j) % 3 == 0,
                       ((i * j) % 2 + (i * j) % 3) % 2 == 0,
                       ((i + j) % 2 + (i * j) % 3) % 2 == 0};
  return rule[mask];
}

// Level L: corrections of a block, blocks.
std::pair<int, size_t> level_l(unsigned version) {
  switch (version) {
    case 1:
      return {7, 1};
    case 2:
      return {10, 1};
    case 3:
      return {15, 1};
    case 7:
      return {20, 2};
    case 10:
      return {18, 4};
    case 14:
      return {30, 4};
    case 20:
      return {28, 8};
    case 22:
      return {28, 9};
    case 25:
      return {26, 12};
    default:
      return {};
  }
}

std::string read(const QrCode& code) {
  const unsigned side = code.side();
  const unsigned version = code.version();
  // The format information beside the upper left finder; those of level L by mask (table C.1).
  const unsigned kLevelL[8] = {0x77c4, 0x72f3, 0x7daa, 0x789d, 0x662f, 0x6318, 0x6c41, 0x6976};
  unsigned format = 0;
  const unsigned xs[] = {0, 1, 2, 3, 4, 5, 7, 8, 8, 8, 8, 8, 8, 8, 8};
  const unsigned ys[] = {8, 8, 8, 8, 8, 8, 8, 8, 7, 5, 4, 3, 2, 1, 0};
  for (unsigned i = 0; i < 15; ++i) format = format << 1 | (code.dark(xs[i], ys[i]) ? 1 : 0);
  unsigned mask = 8;
  for (unsigned m = 0; m < 8; ++m) mask = kLevelL[m] == format ? m : mask;
  if (mask == 8) throw std::runtime_error("no format of level L");

  std::vector<int> words;
  int word = 0;
  int bits = 0;
  bool up = true;
  for (int right = static_cast<int>(side) - 1; right > 0; right -= 2) {
    if (right == 6) --right;
    for (unsigned i = 0; i < side; ++i) {
      const unsigned y = up ? side - 1 - i : i;
      for (int x = right; x > right - 2; --x) {
        const auto column = static_cast<unsigned>(x);
        if (is_function(version, column, y)) continue;
        word = word << 1 | (code.dark(column, y) != flips(mask, y, column) ? 1 : 0);
        if (++bits == 8) words.push_back(std::exchange(word, 0)), bits = 0;
      }
    }
    up = !up;
  }
  const auto [corrections, blocks] = level_l(version);
  const size_t data = words.size() - static_cast<size_t>(corrections) * blocks;
  std::string stream;
  for (size_t b = 0; b < blocks; ++b) {
    std::vector<int> block;
    for (size_t i = 0; i < data / blocks; ++i) block.push_back(words[i * blocks + b]);
    const size_t longer = data % blocks;
    if (b >= blocks - longer) block.push_back(words[data - longer + (b - (blocks - longer))]);
    for (const int c : block) stream += static_cast<char>(c);
    for (int i = 0; i < corrections; ++i) {
      block.push_back(words[data + static_cast<size_t>(i) * blocks + b]);
    }
    if (!is_whole(block, corrections)) throw std::runtime_error("a block is not whole");
  }
  const auto bit = [&](size_t at) {
    return static_cast<unsigned>(stream[at / 8] >> (7 - at % 8)) & 1u;
  };
  size_t at = 0;
  const auto take = [&](unsigned count) {
    unsigned value = 0;
    while (count-- > 0) value = value << 1 | bit(at++);
    return value;
  };
  if (take(4) != 4) throw std::runtime_error("not byte mode");
  const unsigned length = take(version < 10 ? 8 : 16);
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += static_cast<char>(take(8));
  return text;
}

// --- Tests
// ----------------------------------------------------------------------------------------

std::string sample(size_t length) {
  std::string text;
  for (size_t i = 0; i < length; ++i) text += static_cast<char>(' ' + i * 7 % 95);
  return text;
}

TEST(QrCode, ReadsBack) {
  const auto code = std::make_unique<QrCode>();
  const struct {
    size_t length;
    unsigned version;
  } cases[] = {{0, 1},   {1, 1},    {17, 1},   {18, 2},   {32, 2},    {53, 3},
               {154, 7}, {271, 10}, {458, 14}, {858, 20}, {1003, 22}, {1273, 25}};
  for (const auto& c : cases) {
    const std::string text = sample(c.length);
    ASSERT_TRUE(code->encode(text).ok());
    EXPECT_EQ(code->version(), c.version) << c.length;
    EXPECT_EQ(read(*code), text);
  }
}

TEST(QrCode, VersionInformation) {
  const auto code = std::make_unique<QrCode>();
  ASSERT_TRUE(code->encode(sample(150)).ok());
  ASSERT_EQ(code->version(), 7u);
  unsigned lower = 0;
  unsigned upper = 0;
  for (unsigned i = 18; i-- > 0;) {
    lower = lower << 1 | (code->dark(i / 3, code->side() - 11 + i % 3) ? 1 : 0);
    upper = upper << 1 | (code->dark(code->side() - 11 + i % 3, i / 3) ? 1 : 0);
  }
  EXPECT_EQ(lower, 0x07c94u);  // annex D, version 7
  EXPECT_EQ(upper, 0x07c94u);
}

TEST(QrCode, FinderPatterns) {
  const auto code = std::make_unique<QrCode>();
  ASSERT_TRUE(code->encode("BATON").ok());
  const char* const finder[] = {"#######.", "#.....#.", "#.###.#.", "#.###.#.",
                                "#.###.#.", "#.....#.", "#######.", "........"};
  for (unsigned y = 0; y < 8; ++y) {
    for (unsigned x = 0; x < 8; ++x) {
      const bool expected = finder[y][x] == '#';
      EXPECT_EQ(code->dark(x, y), expected);
      EXPECT_EQ(code->dark(code->side() - 1 - x, y), expected);
      EXPECT_EQ(code->dark(x, code->side() - 1 - y), expected);
    }
  }
  EXPECT_TRUE(code->dark(8, code->side() - 8));
}

TEST(QrCode, TooLong) {
  const auto code = std::make_unique<QrCode>();
  const auto result = code->encode(sample(QrCode::kMaxText + 1));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().a, QrCode::kMaxText + 1);
}

TEST(QrCode, DrawsWithItsQuietZone) {
  const auto code = std::make_unique<QrCode>();
  ASSERT_TRUE(code->encode("BATON").ok());
  std::vector<uint32_t> memory(100 * 100);
  loader::HandoffFramebuffer facts{};
  facts.address = 1;
  facts.size = memory.size() * 4;
  facts.width = facts.pixels_per_line = facts.height = 100;
  facts.format = 1;
  const Framebuffer screen = Framebuffer::make(facts, memory.data()).value();
  EXPECT_EQ(code->draw(screen, 10, 5, 3), 87u);
  EXPECT_EQ(memory[5 * 100 + 10], 0xffffffu);
  EXPECT_EQ(memory[(5 + 11) * 100 + 10 + 11], 0xffffffu);
  EXPECT_EQ(memory[(5 + 12) * 100 + 10 + 12], 0u);
  EXPECT_EQ(memory[4 * 100 + 10], 0u);
}

TEST(QrCode, PrintsInHalfBlocks) {
  const auto code = std::make_unique<QrCode>();
  ASSERT_TRUE(code->encode("BATON").ok());
  std::string text;
  code->print(
      {[](void* to, std::string_view piece) { *static_cast<std::string*>(to) += piece; }, &text});
  // What is light of each line's upper and lower half, read back.
  std::vector<std::string> rows;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    std::string line = text.substr(at, end - at);
    at = end + 1;
    const std::string begin = "\x1b[40;97m", finish = "\x1b[0m";
    ASSERT_TRUE(line.starts_with(begin) && line.ends_with(finish));
    line = line.substr(begin.size(), line.size() - begin.size() - finish.size());
    std::string upper, lower;
    for (size_t c = 0; c < line.size(); c += line[c] == ' ' ? 1 : 3) {
      const std::string block = line[c] == ' ' ? " " : line.substr(c, 3);
      upper += block == "\u2588" || block == "\u2580" ? '#' : ' ';
      lower += block == "\u2588" || block == "\u2584" ? '#' : ' ';
    }
    rows.push_back(upper);
    rows.push_back(lower);
  }
  const unsigned side = code->side() + 8;
  ASSERT_EQ(rows.size(), side + side % 2);
  for (unsigned y = 0; y < rows.size(); ++y) {
    ASSERT_EQ(rows[y].size(), side);
    for (unsigned x = 0; x < side; ++x) {
      const bool inside = x >= 4 && y >= 4 && x < side - 4 && y < side - 4;
      ASSERT_EQ(rows[y][x] == ' ', inside && code->dark(x - 4, y - 4)) << x << " " << y;
    }
  }
}

}  // namespace
}  // namespace kernel
