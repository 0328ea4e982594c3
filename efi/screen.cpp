#include "efi/screen.h"

#include "efi/font.h"

namespace efi {
namespace {

// In dots, with what keeps letters and lines apart.
constexpr size_t kCellWidth = kGlyphWidth + 1, kCellHeight = kGlyphHeight + 3;
constexpr size_t kTopMargin = 1;  // above the letters of a cell

// The same in every pixel format.
constexpr uint32_t kBlack = 0, kWhite = 0xffff'ffff;

// From this width on letters are doubled: 1024 / 12 are 85 characters a line.
constexpr size_t kWide = 1024;

}  // namespace

Screen::Screen(const loader::HandoffFramebuffer& framebuffer)
    : pixels_(reinterpret_cast<volatile uint32_t*>(framebuffer.address)),
      pixels_per_line_(framebuffer.pixels_per_line),
      scale_(framebuffer.width >= kWide ? 2 : 1),
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

void Screen::blacken_line() const {
  const size_t height = kCellHeight * scale_;
  for (size_t y = line_ * height; y < (line_ + 1) * height; ++y) {
    for (size_t x = 0; x < columns_ * kCellWidth * scale_; ++x) {
      pixels_[y * pixels_per_line_ + x] = kBlack;
    }
  }
}

void Screen::draw(char c) const {
  const size_t left = column_ * kCellWidth * scale_;
  const size_t top = (line_ * kCellHeight + kTopMargin) * scale_;
  for (size_t y = 0; y < kGlyphHeight * scale_; ++y) {
    for (size_t x = 0; x < kGlyphWidth * scale_; ++x) {
      if (!has_ink(c, x / scale_, y / scale_)) continue;
      pixels_[(top + y) * pixels_per_line_ + left + x] = kWhite;
    }
  }
}

}  // namespace efi
