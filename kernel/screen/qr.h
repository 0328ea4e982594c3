// QR codes (ISO/IEC 18004), for a summary that a telephone can take away from the screen. Pure.
//
// Byte mode, error correction level L, the smallest of versions 1 to 25 that holds the text, and
// the mask with the lowest penalty.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernel/screen/framebuffer.h"
#include "mm/print.h"
#include "mm/result.h"

namespace kernel {

class QrCode {
 public:
  static constexpr unsigned kMaxVersion = 25;
  static constexpr unsigned kMaxSide = 17 + 4 * kMaxVersion;
  static constexpr size_t kMaxText = 1273;  // bytes, version 25-L

  QrCode() = default;
  QrCode(const QrCode&) = delete;
  QrCode& operator=(const QrCode&) = delete;

  // Fails when the text is too long; its length and the limit are the error's numbers.
  mm::Result<> encode(std::string_view text);

  [[nodiscard]] unsigned side() const { return side_; }  // modules; 0 before encode()
  [[nodiscard]] bool dark(unsigned x, unsigned y) const { return (modules_[y][x] & kDark) != 0; }
  [[nodiscard]] unsigned version() const { return (side_ - 17) / 4; }

  // Draws it with its quiet zone (four modules of light), each module `scale` pixels. Returns the
  // length of a side in pixels.
  uint32_t draw(const Framebuffer& screen, uint32_t left, uint32_t top, uint32_t scale) const;
  // The same as text for a terminal: a column a module and a line for two of them, in half blocks
  // (UTF-8), light in bright white on black whatever the terminal's colours are.
  void print(const mm::Printer& out) const;

 private:
  static constexpr uint8_t kDark = 1, kFunction = 2;
  static constexpr size_t kMaxCodewords = 1588;  // version 25, error correction included

  void set_function(unsigned x, unsigned y, bool dark);
  void draw_functions();
  void draw_finder(unsigned x, unsigned y);
  void draw_alignment(unsigned x, unsigned y);
  void draw_format(unsigned mask);
  void draw_version();
  size_t put_text(std::string_view text, size_t capacity);
  void add_error_correction(size_t data);
  void place_codewords();
  void apply_mask(unsigned mask);
  [[nodiscard]] unsigned penalty() const;

  unsigned side_ = 0;
  size_t codeword_count_ = 0;
  std::array<uint8_t, kMaxCodewords> data_{};       // in the text's order
  std::array<uint8_t, kMaxCodewords> codewords_{};  // interleaved, as placed
  std::array<std::array<uint8_t, kMaxSide>, kMaxSide> modules_{};
};

}  // namespace kernel
