// The console on a framebuffer: text in cells, with colour for what matters.
//
// Text is written into cells; what changed of them since is drawn at most every kEvery, so that what
// has scrolled away before anybody could see it costs next to nothing. Lines that tell of what went
// wrong are drawn at once, as is everything where there is no clock. flush() draws the rest: whoever
// waits, or does what may not come back, calls it before (kernel/console.h). Where that is sooner
// than an eye follows, several rows scroll at once, so that not each line draws all of the screen.
// The framebuffer is never read: what it shows is remembered, too.
// A line that is too long goes on in the next row between two words (kernel/screen/fold.h).
// Understands \n \r \b \t and of ECMA-48 what the line editor and colours need: ESC [ n C,
// n D, K, H, 2J, m.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/screen/fold.h"
#include "kernel/screen/font.h"
#include "kernel/screen/framebuffer.h"

namespace kernel {

// How a line of the log looks: what went wrong must not be looked for.
enum class Look : uint8_t { Plain, Faint, Bold, Good, Warning, Bad, Title };
inline constexpr size_t kLooks = 7;

class Screen {
 public:
  using Clock = uint64_t (*)();  // microseconds

  static constexpr size_t kMaxColumns = 480;
  static constexpr size_t kMaxRows = 160;
  static constexpr size_t kMaxCells = 40'000;  // a larger screen is used in part

  static constexpr uint64_t kEvery = 50'000;  // microseconds

  // Clears the framebuffer and starts at the top. A clock that says 0 is none.
  void open(const Framebuffer& framebuffer, Clock clock);
  [[nodiscard]] bool is_open() const { return columns_ != 0; }

  void write(std::string_view text);
  // What was written is on the screen afterwards.
  void flush();

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
  // All 0 until open(), so that the kernel's file has none of them.
  struct Cell {
    char c;
    uint8_t look;
    friend bool operator==(Cell, Cell) = default;
  };
  static constexpr Cell kBlank{' ', 0}, kUnknown{'\0', 0xff};
  void put(char c);
  void control(char c);
  void sequence(char final);
  void next_line();
  void fold(const Fold::Step& step);
  void scroll();
  void set(size_t row, size_t column, Cell cell) {
    at(row, column) = cell;
    touch(row);
  }
  void forget(Cell shows);
  void touch(size_t row) {
    if (row < dirty_from_) dirty_from_ = row;
    if (row >= dirty_to_) dirty_to_ = row + 1;
  }
  void draw(uint32_t x, uint32_t y, Cell cell) const;
  void draw_cursor();
  [[nodiscard]] bool is_due() const;
  void colour_row(size_t row);
  // Scrolling moves the first row instead of all of them.
  [[nodiscard]] size_t index(size_t row, size_t column) const {
    const size_t line = first_ + row;
    return (line < rows_ ? line : line - rows_) * columns_ + column;
  }
  [[nodiscard]] Cell& at(size_t row, size_t column) { return cells_[index(row, column)]; }
  [[nodiscard]] const Cell& at(size_t row, size_t column) const {
    return cells_[index(row, column)];
  }

  Framebuffer framebuffer_;
  struct Style {
    Framebuffer::Pen pen;
    const Font* font;
  };
  std::array<Style, kLooks> styles_{};
  const Typeface* typeface_ = nullptr;
  Clock clock_ = nullptr;
  size_t columns_ = 0, rows_ = 0;
  size_t column_ = 0, row_ = 0;
  Fold fold_;
  size_t line_start_ = 0;                 // row in which the line being written began
  size_t first_ = 0;                      // where the top row lies in cells_
  uint64_t drawn_ = 0;                    // when
  bool scrolled_ = false;                 // since then
  bool urgent_ = false;                   // a line was written that is to be seen
  size_t dirty_from_ = 0, dirty_to_ = 0;  // rows in which something was written since then
  std::optional<size_t> cursor_;          // where it is drawn, in shown_
  bool hidden_ = false;
  uint8_t look_ = 0;  // of characters to come, as ESC [ m set it
  std::array<char, 16> sequence_{};
  size_t sequence_length_ = 0;  // 0: not inside one
  std::array<Cell, kMaxCells> cells_{};
  std::array<Cell, kMaxCells> shown_{};  // on the framebuffer, the top row first
};

[[nodiscard]] Look look_of(std::string_view line);
[[nodiscard]] Colour ink_of(Look look);
inline constexpr Colour kPaper{12, 14, 20};

}  // namespace kernel
