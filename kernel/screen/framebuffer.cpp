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
  made.pairs_ = std::endian::native == std::endian::little && made.bytes_ == 4 &&
                (reinterpret_cast<uintptr_t>(at) | made.stride_) % 8 == 0;
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
      // Sixteen pixels a turn: a screen has millions.
      const uint64_t pair = uint64_t{value} << 32 | value;
      for (; x + 15 < right; x += 16, at += 64) {
        auto* const pairs = reinterpret_cast<volatile uint64_t*>(at);
        pairs[0] = pair;
        pairs[1] = pair;
        pairs[2] = pair;
        pairs[3] = pair;
        pairs[4] = pair;
        pairs[5] = pair;
        pairs[6] = pair;
        pairs[7] = pair;
      }
      for (; x + 1 < right; x += 2, at += 8) *reinterpret_cast<volatile uint64_t*>(at) = pair;
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

Framebuffer::Pen Framebuffer::pen(Colour ink, Colour paper) const {
  const uint64_t value[2] = {pixel(paper), pixel(ink)};
  Pen pen;
  for (unsigned i = 0; i < 16; ++i) {
    pen.pairs[i][0] = value[i >> 2 & 1] << 32 | value[i >> 3];
    pen.pairs[i][1] = value[i & 1] << 32 | value[i >> 1 & 1];
  }
  return pen;
}

// Two pixels a store: text is most of what a screen shows. Eight columns at a time, downwards; four
// are left of a letter that is twelve wide.
void Framebuffer::glyph_by_pairs(uint8_t* at, const Font& font, const uint8_t* bits,
                                 const Pen& pen) const {
  const size_t stride = stride_, bytes_per_row = font.bytes_per_row();
  const uint8_t* const end = bits + font.height * bytes_per_row;
  uint32_t left = font.width;
  for (; left >= 8; left -= 8, ++bits, at += 32) {
    uint8_t* row = at;
    for (const uint8_t* byte = bits; byte < end; byte += bytes_per_row, row += stride) {
      auto* const to = reinterpret_cast<volatile uint64_t*>(row);
      const auto& high = pen.pairs[*byte >> 4];
      const auto& low = pen.pairs[*byte & 15];
      to[0] = high[0];
      to[1] = high[1];
      to[2] = low[0];
      to[3] = low[1];
    }
  }
  for (; left != 0 && bits < end; bits += bytes_per_row, at += stride) {
    auto* const to = reinterpret_cast<volatile uint64_t*>(at);
    to[0] = pen.pairs[*bits >> 4][0];
    to[1] = pen.pairs[*bits >> 4][1];
  }
}

void Framebuffer::glyph(uint32_t x, uint32_t y, const Font& font, char c, const Pen& pen) const {
  const uint8_t* bits = font.glyph(c);
  if (takes_pairs(x) && font.width % 4 == 0 && x + font.width <= width_ &&
      y + font.height <= height_) {
    return glyph_by_pairs(place(x, y), font, bits, pen);
  }
  if (x >= width_ || y >= height_) return;
  const uint32_t shown = std::min(font.width, width_ - x);
  const uint32_t value[2] = {static_cast<uint32_t>(pen.pairs[0][0]),
                             static_cast<uint32_t>(pen.pairs[15][0])};
  for (uint32_t row = 0; row < std::min(font.height, height_ - y); ++row) {
    uint8_t* at = place(x, y + row);
    for (uint32_t i = 0; i < shown; ++i) store(at, value[bits[i / 8] >> (7 - i % 8) & 1]);
    bits += font.bytes_per_row();
  }
}

uint32_t Framebuffer::text(uint32_t x, uint32_t y, const Font& font, std::string_view text,
                           Colour ink, Colour paper, uint32_t right) const {
  const Pen writing = pen(ink, paper);
  for (const char c : text) {
    if (x + font.width > std::min(right, width_)) break;
    glyph(x, y, font, c, writing);
    x += font.width;
  }
  return x;
}

}  // namespace kernel
