#include "kernel/screen/font.h"

#include <algorithm>
#include <array>

#include "font_data.h"

namespace kernel {
namespace {

// Console fonts end where screens go on: the largest are made from smaller ones, each pixel four.
template <uint32_t kWidth, uint32_t kHeight>
constexpr auto doubled(const Font& font) {
  constexpr uint32_t kGlyphs = Font::kLast - Font::kFirst + 1;
  constexpr uint32_t kBytes = (2 * kWidth + 7) / 8;
  std::array<uint8_t, size_t{kGlyphs} * 2 * kHeight * kBytes> rows{};
  for (uint32_t row = 0; row < kGlyphs * kHeight; ++row) {
    for (uint32_t x = 0; x < kWidth; ++x) {
      if ((font.rows[row * font.bytes_per_row() + x / 8] >> (7 - x % 8) & 1) == 0) continue;
      for (const uint32_t wide : {2 * x, 2 * x + 1}) {
        for (const uint32_t tall : {2 * row, 2 * row + 1}) {
          rows[size_t{tall} * kBytes + wide / 8] |= static_cast<uint8_t>(0x80 >> wide % 8);
        }
      }
    }
  }
  return rows;
}

constexpr auto k48 = doubled<12, 24>(fonts::kTerminus24x12);
constexpr auto kBold48 = doubled<12, 24>(fonts::kTerminusBold24x12);
constexpr Font kTerminus48x24{24, 48, k48.data()};
constexpr Font kTerminusBold48x24{24, 48, kBold48.data()};

// Ascending.
constexpr std::array kSizes{
    Typeface{&fonts::kTerminus16, &fonts::kTerminusBold16},
    Typeface{&fonts::kTerminus24x12, &fonts::kTerminusBold24x12},
    Typeface{&fonts::kTerminus32x16, &fonts::kTerminusBold32x16},
    Typeface{&kTerminus48x24, &kTerminusBold48x24},
};

}  // namespace

const Typeface& typeface_for(uint32_t width, uint32_t height) {
  constexpr uint32_t kColumns = 160, kRows = 40;
  const auto fits = [&](const Typeface& face) {
    return width / face.regular->width >= kColumns && height / face.regular->height >= kRows;
  };
  const auto last = std::find_if(kSizes.rbegin(), kSizes.rend(), fits);
  return last == kSizes.rend() ? kSizes.front() : *last;
}

}  // namespace kernel
