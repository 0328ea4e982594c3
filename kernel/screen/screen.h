// The console on a framebuffer: text in cells, with colour for what matters.
//
// What is shown is remembered in cells (the framebuffer is never read), so that scrolling draws
// only the cells that change. When lines come faster than an eye follows, several rows scroll at
// once: on a slow framebuffer the log costs little more than its own lines. Text appears at once,
// always; a line that is too long goes on in the next row between two words (kernel/screen/fold.h).
// Understands \n \r \b \t and of ECMA-48 what the line editor and colours need: ESC [ n C,
// n D, K, H, 2J, m.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/screen/fold.h"
#include "kernel/screen/font.h"
#include "kernel/screen/framebuffer.h"

namespace kernel {

class Screen {
 public:
  using Clock = uint64_t (*)();  // microseconds

  static constexpr size_t kMaxColumns = 480;
  static constexpr size_t kMaxRows = 160;
  static constexpr size_t kMaxCells = 40'000;  // a larger screen is used in part

  // Clears the framebuffer and starts at the top. Without a clock every line scrolls by itself.
  void open(const Framebuffer& framebuffer, Clock clock);
  [[nodiscard]] bool is_open() const { return columns_ != 0; }

  void write(std::string_view text);

  // While hidden, text is remembered but not drawn: somebody else has the framebuffer.
  void hide() { hidden_ = true; }
  void show();
  [[nodiscard]] bool hidden() const { return hidden_; }

  [[nodiscard]] const Framebuffer& framebuffer() const { return framebuffer_; }
  [[nodiscard]] const Typeface& typeface() const { return *typeface_; }
  [[nodiscard]] size_t columns() const { return columns_; }
  [[nodiscard]] size_t rows() const { return rows_; }
  // What a row shows, for tests; without trailing blanks.
  [[nodiscard]] std::string_view row_text(size_t row, std::span<char> out) const;

 private:
  struct Cell {
    char c = ' ';
    uint8_t look = 0;
    friend bool operator==(Cell, Cell) = default;
  };
  void put(char c);
  void control(char c);
  void sequence(char final);
  void next_line();
  void fold(const Fold::Step& step);
  void scroll();
  void set(size_t row, size_t column, Cell cell);
  void draw(size_t row, size_t column) const;
  void draw_cursor() const;
  void colour_row(size_t row);
  [[nodiscard]] Cell& at(size_t row, size_t column) { return cells_[row * columns_ + column]; }
  [[nodiscard]] const Cell& at(size_t row, size_t column) const {
    return cells_[row * columns_ + column];
  }

  Framebuffer framebuffer_;
  const Typeface* typeface_ = nullptr;
  Clock clock_ = nullptr;
  size_t columns_ = 0, rows_ = 0;
  size_t column_ = 0, row_ = 0;
  Fold fold_;
  size_t line_start_ = 0;  // row in which the line being written began
  uint64_t scrolled_ = 0;  // when it last scrolled
  bool hidden_ = false;
  uint8_t look_ = 0;  // of characters to come, as ESC [ m set it
  std::array<char, 16> sequence_{};
  size_t sequence_length_ = 0;  // 0: not inside one
  std::array<Cell, kMaxCells> cells_{};
};

// How a line of the log looks: what went wrong must not be looked for.
enum class Look : uint8_t { Plain, Faint, Bold, Good, Warning, Bad, Title };
[[nodiscard]] Look look_of(std::string_view line);
[[nodiscard]] Colour ink_of(Look look);
inline constexpr Colour kPaper{12, 14, 20};

}  // namespace kernel
