// Fonts for the screen. Their glyphs come from Debian's console fonts at build time (tools/font).
#pragma once

#include <cstddef>
#include <cstdint>

namespace kernel {

// Bitmaps of the printable ASCII characters: for each, `height` rows of width / 8 bytes (rounded
// up), the leftmost pixel in the highest bit of the first byte.
struct Font {
  static constexpr char kFirst = ' ', kLast = '~';

  uint32_t width, height;  // pixels of a cell
  const uint8_t* rows;

  [[nodiscard]] constexpr uint32_t bytes_per_row() const { return (width + 7) / 8; }
  // A character without a glyph looks like '?'.
  [[nodiscard]] constexpr const uint8_t* glyph(char c) const {
    if (c < kFirst || c > kLast) c = '?';
    return rows + static_cast<size_t>(c - kFirst) * height * bytes_per_row();
  }
};

// One size, in two weights.
struct Typeface {
  const Font* regular;
  const Font* bold;
};

// The largest size at which a screen of so many pixels has 160 columns, as many as the widest table
// needs, and 40 rows; the smallest where none has. So letters keep their share of the screen from
// 1280 x 800 over 1920 x 1080 and 2560 x 1440 to 3840 x 2160 and 5120 x 2880.
[[nodiscard]] const Typeface& typeface_for(uint32_t width, uint32_t height);

}  // namespace kernel
