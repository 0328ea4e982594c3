#include "kernel/screen/qr.h"

#include <algorithm>

namespace kernel {
namespace {

// Level L of table 9: error correction codewords of a block, and blocks, by version.
struct Correction {
  uint8_t of_block, blocks;
};
constexpr Correction kCorrection[QrCode::kMaxVersion] = {
    {7, 1},  {10, 1}, {15, 1}, {20, 1}, {26, 1}, {18, 2},  {20, 2}, {24, 2}, {30, 2},
    {18, 4}, {20, 4}, {24, 4}, {26, 4}, {30, 4}, {22, 6},  {24, 6}, {28, 6}, {30, 6},
    {28, 7}, {28, 8}, {28, 8}, {28, 9}, {30, 9}, {30, 10}, {26, 12}};

// Modules that are not a function pattern, in bits (annex D's count, as arithmetic).
constexpr unsigned raw_bits(unsigned version) {
  unsigned bits = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const unsigned aligned = version / 7 + 2;
    bits -= (25 * aligned - 10) * aligned - 55;
    if (version >= 7) bits -= 36;
  }
  return bits;
}
constexpr size_t raw_codewords(unsigned version) { return raw_bits(version) / 8; }
constexpr size_t data_codewords(unsigned version) {
  const Correction c = kCorrection[version - 1];
  return raw_codewords(version) - size_t{c.of_block} * c.blocks;
}
static_assert(raw_codewords(1) == 26 && raw_codewords(25) == 1588);
static_assert(data_codewords(1) == 19 && data_codewords(10) == 274 && data_codewords(25) == 1276);

// Bits of the length in byte mode.
constexpr unsigned length_bits(unsigned version) { return version < 10 ? 8 : 16; }

// The field of 256 elements with the polynomial 0x11d.
constexpr uint8_t times(uint8_t a, uint8_t b) {
  unsigned product = 0;
  for (unsigned bit = 8; bit-- > 0;) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1u) * a;
  }
  return static_cast<uint8_t>(product);
}

// The divisor's coefficients below its highest, highest first: the product of (x - 2^i).
using Polynomial = std::array<uint8_t, 30>;
Polynomial divisor(unsigned degree) {
  Polynomial result{};
  result[degree - 1] = 1;
  uint8_t root = 1;
  for (unsigned i = 0; i < degree; ++i) {
    for (unsigned at = 0; at < degree; ++at) {
      result[at] = times(result[at], root);
      if (at + 1 < degree) result[at] = static_cast<uint8_t>(result[at] ^ result[at + 1]);
    }
    root = times(root, 2);
  }
  return result;
}

bool masked(unsigned mask, unsigned x, unsigned y) {
  switch (mask) {
    case 0:
      return (x + y) % 2 == 0;
    case 1:
      return y % 2 == 0;
    case 2:
      return x % 3 == 0;
    case 3:
      return (x + y) % 3 == 0;
    case 4:
      return (x / 3 + y / 2) % 2 == 0;
    case 5:
      return x * y % 2 + x * y % 3 == 0;
    case 6:
      return (x * y % 2 + x * y % 3) % 2 == 0;
    default:
      return ((x + y) % 2 + x * y % 3) % 2 == 0;
  }
}

unsigned distance(unsigned a, unsigned b) { return a > b ? a - b : b - a; }

}  // namespace

// --- Codewords -----------------------------------------------------------------------------------

size_t QrCode::put_text(std::string_view text, size_t capacity) {
  data_.fill(0);
  size_t bits = 0;
  const auto put = [&](unsigned value, unsigned count) {
    for (unsigned bit = count; bit-- > 0; ++bits) {
      data_[bits / 8] =
          static_cast<uint8_t>(data_[bits / 8] | ((value >> bit) & 1u) << (7 - bits % 8));
    }
  };
  put(4, 4);  // byte mode
  put(static_cast<unsigned>(text.size()), length_bits(version()));
  for (const char c : text) put(static_cast<uint8_t>(c), 8);
  put(0, static_cast<unsigned>(std::min<size_t>(4, capacity * 8 - bits)));
  size_t used = (bits + 7) / 8;
  for (bool first = true; used < capacity; first = !first) data_[used++] = first ? 0xec : 0x11;
  return used;
}

// Blocks of nearly equal length, the shorter ones first; codewords of all blocks take turns.
void QrCode::add_error_correction(size_t data) {
  const Correction correction = kCorrection[version() - 1];
  const size_t blocks = correction.blocks;
  const size_t total = raw_codewords(version());
  const size_t shorter = data / blocks;
  const size_t short_blocks = blocks - data % blocks;
  const Polynomial by = divisor(correction.of_block);
  size_t start = 0;
  for (size_t block = 0; block < blocks; ++block) {
    const size_t length = shorter + (block >= short_blocks ? 1 : 0);
    Polynomial rest{};
    for (size_t i = 0; i < length; ++i) {
      const auto factor = static_cast<uint8_t>(data_[start + i] ^ rest[0]);
      for (size_t at = 0; at < correction.of_block; ++at) {
        const uint8_t next = at + 1 < correction.of_block ? rest[at + 1] : uint8_t{0};
        rest[at] = static_cast<uint8_t>(next ^ times(by[at], factor));
      }
      // The last codeword of longer blocks follows when all columns are through.
      codewords_[i < shorter ? i * blocks + block : shorter * blocks + (block - short_blocks)] =
          data_[start + i];
    }
    for (size_t i = 0; i < correction.of_block; ++i) {
      codewords_[data + i * blocks + block] = rest[i];
    }
    start += length;
  }
  codeword_count_ = total;
}

// --- Function patterns ---------------------------------------------------------------------------

void QrCode::set_function(unsigned x, unsigned y, bool dark) {
  modules_[y][x] = static_cast<uint8_t>(kFunction | (dark ? kDark : 0));
}

// With its separator; x and y are the centre's.
void QrCode::draw_finder(unsigned x, unsigned y) {
  for (unsigned row = y < 4 ? 0 : y - 4; row <= std::min(y + 4, side_ - 1); ++row) {
    for (unsigned column = x < 4 ? 0 : x - 4; column <= std::min(x + 4, side_ - 1); ++column) {
      const unsigned ring = std::max(distance(row, y), distance(column, x));
      set_function(column, row, ring != 2 && ring != 4);
    }
  }
}

void QrCode::draw_alignment(unsigned x, unsigned y) {
  for (unsigned row = y - 2; row <= y + 2; ++row) {
    for (unsigned column = x - 2; column <= x + 2; ++column) {
      set_function(column, row, std::max(distance(row, y), distance(column, x)) != 1);
    }
  }
}

void QrCode::draw_functions() {
  for (unsigned i = 0; i < side_; ++i) {
    set_function(6, i, i % 2 == 0);
    set_function(i, 6, i % 2 == 0);
  }
  draw_finder(3, 3);
  draw_finder(side_ - 4, 3);
  draw_finder(3, side_ - 4);
  if (version() >= 2) {
    // Annex E: from the lower right inwards in even steps; the first is at 6.
    const unsigned count = version() / 7 + 2;
    const unsigned step = (version() * 4 + 4 + 2 * (count - 1) - 1) / (2 * (count - 1)) * 2;
    const auto centre = [&](unsigned i) { return i == 0 ? 6 : side_ - 7 - (count - 1 - i) * step; };
    for (unsigned i = 0; i < count; ++i) {
      for (unsigned j = 0; j < count; ++j) {
        const bool on_finder =
            (i == 0 && j == 0) || (i == 0 && j + 1 == count) || (i + 1 == count && j == 0);
        if (!on_finder) draw_alignment(centre(i), centre(j));
      }
    }
  }
  draw_format(0);
  draw_version();
}

// Level L and the mask, by a BCH code, twice.
void QrCode::draw_format(unsigned mask) {
  constexpr unsigned kLevelL = 1;
  const unsigned data = kLevelL << 3 | mask;
  unsigned rest = data;
  for (unsigned i = 0; i < 10; ++i) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const unsigned bits = (data << 10 | (rest & 0x3ff)) ^ 0x5412;
  const auto bit = [bits](unsigned i) { return (bits >> i & 1) != 0; };
  for (unsigned i = 0; i <= 5; ++i) set_function(8, i, bit(i));
  set_function(8, 7, bit(6));
  set_function(8, 8, bit(7));
  set_function(7, 8, bit(8));
  for (unsigned i = 9; i < 15; ++i) set_function(14 - i, 8, bit(i));
  for (unsigned i = 0; i < 8; ++i) set_function(side_ - 1 - i, 8, bit(i));
  for (unsigned i = 8; i < 15; ++i) set_function(8, side_ - 15 + i, bit(i));
  set_function(8, side_ - 8, true);
}

void QrCode::draw_version() {
  if (version() < 7) return;
  unsigned rest = version();
  for (unsigned i = 0; i < 12; ++i) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
  const unsigned bits = version() << 12 | (rest & 0xfff);
  for (unsigned i = 0; i < 18; ++i) {
    const bool dark = (bits >> i & 1) != 0;
    set_function(side_ - 11 + i % 3, i / 3, dark);
    set_function(i / 3, side_ - 11 + i % 3, dark);
  }
}

// --- Data ----------------------------------------------------------------------------------------

// In columns of two from the right, upwards and downwards in turn, around the timing pattern.
void QrCode::place_codewords() {
  size_t bit = 0;
  bool up = true;
  for (unsigned right = side_ - 1; right >= 1; right -= 2, up = !up) {
    if (right == 6) right = 5;
    for (unsigned i = 0; i < side_; ++i) {
      const unsigned y = up ? side_ - 1 - i : i;
      for (unsigned x : {right, right - 1}) {
        if ((modules_[y][x] & kFunction) != 0) continue;
        const bool dark =
            bit < codeword_count_ * 8 && (codewords_[bit / 8] >> (7 - bit % 8) & 1) != 0;
        modules_[y][x] = dark ? kDark : uint8_t{0};
        ++bit;
      }
    }
    if (right == 1) break;
  }
}

void QrCode::apply_mask(unsigned mask) {
  for (unsigned y = 0; y < side_; ++y) {
    for (unsigned x = 0; x < side_; ++x) {
      if ((modules_[y][x] & kFunction) == 0 && masked(mask, x, y)) {
        modules_[y][x] = static_cast<uint8_t>(modules_[y][x] ^ kDark);
      }
    }
  }
}

// The four rules of section 7.8.3.
unsigned QrCode::penalty() const {
  unsigned sum = 0;
  unsigned dark_count = 0;
  for (const bool columns : {false, true}) {
    const auto at = [&](unsigned i, unsigned j) { return columns ? dark(i, j) : dark(j, i); };
    for (unsigned i = 0; i < side_; ++i) {
      unsigned run = 0;
      bool colour = false;
      unsigned window = 0;  // the last eleven modules
      for (unsigned j = 0; j < side_; ++j) {
        const bool now = at(i, j);
        if (j != 0 && now == colour) {
          ++run;
        } else {
          run = 1;
          colour = now;
        }
        if (run == 5) sum += 3;
        if (run > 5) ++sum;
        window = (window << 1 | (now ? 1u : 0u)) & 0x7ff;
        // A finder's 1:1:3:1:1 with four light modules on either side.
        if (j >= 10 && (window == 0x05d || window == 0x5d0)) sum += 40;
      }
    }
  }
  for (unsigned y = 0; y < side_; ++y) {
    for (unsigned x = 0; x < side_; ++x) {
      if (dark(x, y)) ++dark_count;
      if (x + 1 < side_ && y + 1 < side_ && dark(x, y) == dark(x + 1, y) &&
          dark(x, y) == dark(x, y + 1) && dark(x, y) == dark(x + 1, y + 1)) {
        sum += 3;
      }
    }
  }
  const unsigned percent = dark_count * 100 / std::max(side_ * side_, 1U);
  return sum + distance(percent, 50) / 5 * 10;
}

mm::Result<> QrCode::encode(std::string_view text) {
  unsigned version = 1;
  while (version <= kMaxVersion &&
         4 + length_bits(version) + text.size() * 8 > data_codewords(version) * 8) {
    ++version;
  }
  if (version > kMaxVersion) {
    return mm::Error{"is too long (bytes {}, most {})", "QR code", text.size(), kMaxText};
  }
  side_ = 17 + 4 * version;
  for (auto& row : modules_) row.fill(0);
  add_error_correction(put_text(text, data_codewords(version)));
  draw_functions();
  place_codewords();
  unsigned best = 0;
  unsigned lowest = ~0u;
  for (unsigned mask = 0; mask < 8; ++mask) {
    apply_mask(mask);
    draw_format(mask);
    if (const unsigned now = penalty(); now < lowest) {
      lowest = now;
      best = mask;
    }
    apply_mask(mask);
  }
  apply_mask(best);
  draw_format(best);
  return {};
}

uint32_t QrCode::draw(const Framebuffer& screen, uint32_t left, uint32_t top,
                      uint32_t scale) const {
  constexpr unsigned kQuiet = 4;
  const uint32_t all = (side_ + 2 * kQuiet) * scale;
  screen.fill({left, top, left + all, top + all}, {255, 255, 255});
  for (unsigned y = 0; y < side_; ++y) {
    for (unsigned x = 0; x < side_; ++x) {
      if (!dark(x, y)) continue;
      const uint32_t at_x = left + (x + kQuiet) * scale;
      const uint32_t at_y = top + (y + kQuiet) * scale;
      screen.fill({at_x, at_y, at_x + scale, at_y + scale}, {0, 0, 0});
    }
  }
  return all;
}

void QrCode::print(const mm::Printer& out) const {
  constexpr unsigned kQuiet = 4;
  // Of the code in its quiet zone; what is below the last line is light, too.
  const auto light = [&](unsigned x, unsigned y) {
    const bool inside = x >= kQuiet && y >= kQuiet && x < kQuiet + side_ && y < kQuiet + side_;
    return !inside || !dark(x - kQuiet, y - kQuiet);
  };
  for (unsigned y = 0; y < side_ + 2 * kQuiet; y += 2) {
    out.text("\x1b[40;97m");
    for (unsigned x = 0; x < side_ + 2 * kQuiet; ++x) {
      const bool upper = light(x, y), lower = light(x, y + 1);
      out.text(upper ? lower ? "\u2588" : "\u2580" : lower ? "\u2584" : " ");
    }
    out.line("\x1b[0m");
  }
}

}  // namespace kernel
