#include "efi/screen.h"

#include <algorithm>

#include "efi/font.h"

namespace efi {
namespace {

// In dots, with what keeps letters and lines apart.
constexpr size_t kCellWidth = kGlyphWidth + 1, kCellHeight = kGlyphHeight + 3;
constexpr size_t kTopMargin = 1;  // above the letters of a cell

// The same in every pixel format.
constexpr uint32_t kBlack = 0, kWhite = 0xffff'ffff;

// Letters keep their share of the screen: about 100 characters a line, at 1024 pixels 85.
constexpr size_t kWide = 1024, kCharacters = 100;

size_t scale_for(size_t width) {
  if (width < kWide) return 1;
  return std::max<size_t>(width / (kCellWidth * kCharacters), 2);
}

}  // namespace

Screen::Screen(const loader::HandoffFramebuffer& framebuffer)
    : pixels_(reinterpret_cast<volatile uint8_t*>(framebuffer.address)),
      bytes_(loader::bytes_per_pixel(framebuffer)),
      bytes_per_line_(bytes_ * framebuffer.pixels_per_line),
      scale_(scale_for(framebuffer.width)),
      columns_(framebuffer.width / (kCellWidth * scale_)),
      lines_(framebuffer.height / (kCellHeight * scale_)) {
  if (pixels_ == nullptr || columns_ == 0) lines_ = 0;
  if (lines_ != 0) blacken_line();
}

void Screen::sink(void* self, std::string_view text) {
  for (const char c : text) static_cast<Screen*>(self)->put(c);
}

void Screen::put(char c) {
  if (line_ >= lines_) return;
  if (c == '\n') return next_line();
  if (column_ == columns_) {
    next_line();
    if (line_ == lines_) return;
  }
  draw(c);
  ++column_;
}

void Screen::next_line() {
  column_ = 0;
  if (++line_ < lines_) blacken_line();
}

void Screen::store(size_t x, size_t y, uint32_t pixel) const {
  volatile uint8_t* const at = pixels_ + y * bytes_per_line_ + x * bytes_;
  if (bytes_ == 4) {
    *reinterpret_cast<volatile uint32_t*>(at) = pixel;
  } else {
    for (size_t i = 0; i < bytes_; ++i) at[i] = static_cast<uint8_t>(pixel >> (8 * i));
  }
}

void Screen::blacken_line() const {
  const size_t height = kCellHeight * scale_;
  for (size_t y = line_ * height; y < (line_ + 1) * height; ++y) {
    for (size_t x = 0; x < columns_ * kCellWidth * scale_; ++x) {
      store(x, y, kBlack);
    }
  }
}

void Screen::draw(char c) const {
  const size_t left = column_ * kCellWidth * scale_;
  const size_t top = (line_ * kCellHeight + kTopMargin) * scale_;
  for (size_t y = 0; y < kGlyphHeight * scale_; ++y) {
    for (size_t x = 0; x < kGlyphWidth * scale_; ++x) {
      if (!has_ink(c, x / scale_, y / scale_)) continue;
      store(left + x, top + y, kWhite);
    }
  }
}

}  // namespace efi
