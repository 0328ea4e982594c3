#include "kernel/screen/framebuffer.h"

#include <algorithm>
#include <bit>

namespace kernel {
namespace {

constexpr bool is_run_of_ones(uint32_t mask) {
  if (mask == 0) return false;
  const uint32_t low = mask >> std::countr_zero(mask);
  return (low & (low + 1)) == 0;
}

}  // namespace

mm::Result<Framebuffer> Framebuffer::make(const loader::HandoffFramebuffer& facts, void* at) {
  const char* const what = "framebuffer";
  Framebuffer made;
  made.bytes_ = loader::bytes_per_pixel(facts);
  if (made.bytes_ == 0)
    return mm::Error{"pixels of no format we know (format {})", what, facts.format};
  if (facts.width == 0 || facts.height == 0 || facts.pixels_per_line < facts.width) {
    return mm::Error{"a line is shorter than what it shows (pixels {})", what,
                     facts.pixels_per_line, facts.width};
  }
  made.stride_ = size_t{facts.pixels_per_line} * made.bytes_;
  if (facts.size / made.stride_ < facts.height) {
    return mm::Error{"is smaller than what it shows (bytes {}, needed {})", what, facts.size,
                     uint64_t{made.stride_} * facts.height};
  }
  constexpr Channel kFirst{0, 8}, kSecond{8, 8}, kThird{16, 8};
  if (facts.format == loader::kPixelByMasks) {
    for (const auto& [mask, channel] :
         {std::pair{facts.red_mask, &made.red_}, std::pair{facts.green_mask, &made.green_},
          std::pair{facts.blue_mask, &made.blue_}}) {
      if (!is_run_of_ones(mask))
        return mm::Error{"a colour's mask is not one run (mask {:#x})", what, mask};
      *channel = {static_cast<uint8_t>(std::countr_zero(mask)),
                  static_cast<uint8_t>(std::bit_width(mask) - std::countr_zero(mask))};
    }
  } else {
    made.red_ = facts.format == loader::kPixelRgbx ? kFirst : kThird;
    made.green_ = kSecond;
    made.blue_ = facts.format == loader::kPixelRgbx ? kThird : kFirst;
  }
  made.base_ = static_cast<uint8_t*>(at);
  made.width_ = facts.width;
  made.height_ = facts.height;
  return made;
}

uint32_t Framebuffer::Channel::put(uint8_t value) const {
  // Wider channels repeat the value, so that white stays white.
  const uint32_t wide = value * 0x0101'0101u;
  return wide >> (32 - bits) << shift;
}

uint32_t Framebuffer::pixel(Colour colour) const {
  return red_.put(colour.red) | green_.put(colour.green) | blue_.put(colour.blue);
}

void Framebuffer::store(uint8_t*& at, uint32_t pixel) const {
  switch (bytes_) {
    case 4:
      *reinterpret_cast<volatile uint32_t*>(at) = pixel;
      break;
    case 2:
      *reinterpret_cast<volatile uint16_t*>(at) = static_cast<uint16_t>(pixel);
      break;
    default:
      for (uint32_t i = 0; i < bytes_; ++i) {
        reinterpret_cast<volatile uint8_t*>(at)[i] = static_cast<uint8_t>(pixel >> (8 * i));
      }
  }
  at += bytes_;
}

void Framebuffer::fill(const Box& box, Colour colour) const {
  const uint32_t right = std::min(box.right, width_);
  const uint32_t bottom = std::min(box.bottom, height_);
  if (box.left >= right) return;
  const uint32_t value = pixel(colour);
  for (uint32_t y = box.top; y < bottom; ++y) {
    uint8_t* at = place(box.left, y);
    uint32_t x = box.left;
    if (takes_pairs(x)) {
      for (; x + 1 < right; x += 2, at += 8) {
        *reinterpret_cast<volatile uint64_t*>(at) = uint64_t{value} << 32 | value;
      }
    }
    for (; x < right; ++x) store(at, value);
  }
}

void Framebuffer::line(uint32_t x, uint32_t y, const Colour* colours, uint32_t count,
                       uint32_t rows) const {
  if (x >= width_) return;
  count = std::min(count, width_ - x);
  for (uint32_t row = y; row < std::min(y + rows, height_); ++row) {
    uint8_t* at = place(x, row);
    for (uint32_t i = 0; i < count; ++i) store(at, pixel(colours[i]));
  }
}

// Two pixels a store, the left one in the lower half: text is most of what a screen shows.
void Framebuffer::glyph_by_pairs(const Box& box, const uint8_t* bits, uint32_t bytes_per_row,
                                 const uint32_t (&value)[2]) const {
  const auto pair = [&](uint32_t left, uint32_t right) {
    return uint64_t{value[right]} << 32 | value[left];
  };
  const uint64_t pairs[4] = {pair(0, 0), pair(0, 1), pair(1, 0), pair(1, 1)};
  for (uint32_t y = box.top; y < box.bottom; ++y, bits += bytes_per_row) {
    auto* at = reinterpret_cast<volatile uint64_t*>(place(box.left, y));
    uint32_t left = box.width();
    for (const uint8_t* byte = bits; left != 0; ++byte) {
      *at++ = pairs[*byte >> 6];
      *at++ = pairs[*byte >> 4 & 3];
      if (left == 4) break;
      *at++ = pairs[*byte >> 2 & 3];
      *at++ = pairs[*byte & 3];
      left -= 8;
    }
  }
}

void Framebuffer::glyph(uint32_t x, uint32_t y, const Font& font, char c, Colour ink,
                        Colour paper) const {
  if (x >= width_ || y >= height_) return;
  const uint32_t shown = std::min(font.width, width_ - x);
  const uint32_t value[2] = {pixel(paper), pixel(ink)};
  const uint8_t* bits = font.glyph(c);
  if (takes_pairs(x) && shown % 4 == 0) {
    return glyph_by_pairs({x, y, x + shown, std::min(y + font.height, height_)}, bits,
                          font.bytes_per_row(), value);
  }
  for (uint32_t row = 0; row < std::min(font.height, height_ - y); ++row) {
    uint8_t* at = place(x, y + row);
    for (uint32_t i = 0; i < shown; ++i) store(at, value[bits[i / 8] >> (7 - i % 8) & 1]);
    bits += font.bytes_per_row();
  }
}

uint32_t Framebuffer::text(uint32_t x, uint32_t y, const Font& font, std::string_view text,
                           Colour ink, Colour paper, uint32_t right) const {
  for (const char c : text) {
    if (x + font.width > std::min(right, width_)) break;
    glyph(x, y, font, c, ink, paper);
    x += font.width;
  }
  return x;
}

}  // namespace kernel
