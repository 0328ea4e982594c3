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

// The size at which a screen of that width has room for 80 columns and for no more than a person
// can read. A narrower one has fewer columns.
[[nodiscard]] const Typeface& typeface_for(uint32_t width);

}  // namespace kernel
