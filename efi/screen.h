// Text on the framebuffer by our own code, for what must be said when the firmware cannot be asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "loader/handoff/handoff.h"
#include "mm/print.h"

namespace efi {

// White on black from the upper left corner down, over whatever was there. Long lines go on in the
// next one; what comes after the last line is not shown. Without a framebuffer nothing happens.
class Screen {
 public:
  explicit Screen(const loader::HandoffFramebuffer& framebuffer);
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  [[nodiscard]] mm::Printer printer() { return {&Screen::sink, this}; }

 private:
  static void sink(void* self, std::string_view text);
  void put(char c);
  void next_line();
  void draw(char c) const;
  void blacken_line() const;

  void store(size_t x, size_t y, uint32_t pixel) const;

  volatile uint8_t* pixels_ = nullptr;
  size_t bytes_ = 4;  // of a pixel
  size_t bytes_per_line_ = 0;
  size_t scale_ = 1;  // pixels for a dot of a letter, either way
  size_t columns_ = 0, lines_ = 0;
  size_t column_ = 0, line_ = 0;  // where the next character goes
};

}  // namespace efi
