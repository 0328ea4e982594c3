// A linear framebuffer as a surface to draw on: any pixel format of UEFI's, any stride.
//
// Only ever written, never read: reading over a bus, or from write-combining memory, costs a
// hundred times as much. Pixels outside the surface are not drawn. Pure: on the host it is a
// buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernel/screen/font.h"
#include "loader/handoff/handoff.h"
#include "mm/result.h"

namespace kernel {

struct Colour {
  uint8_t red = 0, green = 0, blue = 0;

  friend constexpr bool operator==(Colour, Colour) = default;
};
// `part` of 255 of `b`, the rest `a`.
[[nodiscard]] constexpr Colour mix(Colour a, Colour b, uint32_t part) {
  const auto channel = [part](uint32_t x, uint32_t y) {
    return static_cast<uint8_t>((x * (255 - part) + y * part + 127) / 255);
  };
  return {channel(a.red, b.red), channel(a.green, b.green), channel(a.blue, b.blue)};
}

// Left and top are in it, right and bottom are not.
struct Box {
  uint32_t left = 0, top = 0, right = 0, bottom = 0;

  [[nodiscard]] constexpr uint32_t width() const { return right > left ? right - left : 0; }
  [[nodiscard]] constexpr uint32_t height() const { return bottom > top ? bottom - top : 0; }
};

class Framebuffer {
 public:
  Framebuffer() = default;  // nothing to draw on: width and height 0
  // `at` is where `facts.address` can be written. Fails, naming the field, when the facts do not
  // describe a framebuffer.
  static mm::Result<Framebuffer> make(const loader::HandoffFramebuffer& facts, void* at);

  [[nodiscard]] uint32_t width() const { return width_; }
  [[nodiscard]] uint32_t height() const { return height_; }
  [[nodiscard]] Box box() const { return {0, 0, width_, height_}; }

  void fill(const Box& box, Colour colour) const;
  // One line of `count` pixels, repeated downwards `rows` times.
  void line(uint32_t x, uint32_t y, const Colour* colours, uint32_t count, uint32_t rows) const;
  // Ink on paper, as this framebuffer's pixels: made once for many letters.
  struct Pen {
    uint64_t pairs[16][2];  // by four bits of a letter, the left one highest
  };
  [[nodiscard]] Pen pen(Colour ink, Colour paper) const;
  void glyph(uint32_t x, uint32_t y, const Font& font, char c, const Pen& pen) const;
  // Text from (x, y) to the right, cut at `right`. Returns where it ends.
  uint32_t text(uint32_t x, uint32_t y, const Font& font, std::string_view text, Colour ink,
                Colour paper, uint32_t right = ~uint32_t{0}) const;

 private:
  struct Channel {
    uint8_t shift = 0, bits = 0;
    [[nodiscard]] uint32_t put(uint8_t value) const;
  };
  [[nodiscard]] uint32_t pixel(Colour colour) const;
  // Whether two pixels from column x on can be stored at once, the left one in the lower half.
  [[nodiscard]] bool takes_pairs(uint32_t x) const { return pairs_ && x % 2 == 0; }
  void glyph_by_pairs(uint8_t* at, const Font& font, const uint8_t* bits, const Pen& pen) const;
  void store(uint8_t*& at, uint32_t pixel) const;
  [[nodiscard]] uint8_t* place(uint32_t x, uint32_t y) const {
    return base_ + size_t{y} * stride_ + size_t{x} * bytes_;
  }

  uint8_t* base_ = nullptr;
  uint32_t width_ = 0, height_ = 0;
  size_t stride_ = 0;   // bytes from a line to the next
  uint32_t bytes_ = 0;  // of a pixel
  bool pairs_ = false;
  Channel red_, green_, blue_;
};

}  // namespace kernel
