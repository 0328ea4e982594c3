#include "kernel/screen/screen.h"

#include <algorithm>
#include <optional>

#include "loader/handoff/self_test.h"

namespace kernel {
namespace {

constexpr char kEscape = 0x1b;
// Rows that scroll sooner than this after the last time scroll together.
constexpr uint64_t kHurry = 40'000;  // microseconds

// The look of ESC [ 3x m, red to white.
constexpr Look kOfColour[8] = {Look::Faint, Look::Bad,   Look::Good,  Look::Warning,
                               Look::Title, Look::Title, Look::Title, Look::Plain};

bool begins(std::string_view text, std::string_view with) { return text.starts_with(with); }

bool contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

// Length of `[    0.000000] `, 0 when the line has none.
size_t stamp_length(std::string_view line) {
  if (line.empty() || line[0] != '[') return 0;
  const size_t end = line.substr(0, 21).find(']');
  if (end == std::string_view::npos || end + 1 >= line.size()) return 0;
  for (size_t i = 1; i < end; ++i) {
    if (line[i] != ' ' && line[i] != '.' && (line[i] < '0' || line[i] > '9')) return 0;
  }
  return end + 2;
}

// KTAP, and the counts of a document. What was skipped is neither good nor bad; what is known to
// fail has not passed.
std::optional<Look> look_of_test(std::string_view line) {
  if (begins(line, "not ok ")) return Look::Bad;
  if (begins(line, "ok ")) {
    if (contains(line, " # SKIP")) return Look::Faint;
    return contains(line, " # XFAIL") ? Look::Warning : Look::Good;
  }
  if (begins(line, "# found: ")) return Look::Plain;
  if (begins(line, "#")) return Look::Faint;
  if (const auto counted = loader::counted_in(line)) {
    if (counted->failed != 0) return Look::Bad;
    return counted->passed != 0 ? Look::Good : Look::Plain;
  }
  return std::nullopt;
}

bool is_bold(Look look) { return look == Look::Bold || look == Look::Bad || look == Look::Title; }

}  // namespace

Look look_of(std::string_view line) {
  if (const size_t stamp = stamp_length(line); stamp != 0) {
    line.remove_prefix(std::min(stamp, line.size()));
  }
  while (begins(line, " ")) line.remove_prefix(1);
  if (const auto look = look_of_test(line)) return *look;
  for (const char* bad : {"FAIL", "BUG:", "Oops", "baton: ", "memtest: error"}) {
    if (begins(line, bad)) return Look::Bad;
  }
  for (const char* bad :
       {"Kernel panic", " failed", "does not close", "corrupt", "bad memory", " bad pages"}) {
    if (contains(line, bad)) return Look::Bad;
  }
  for (const char* warning : {"[Firmware Bug]", "WARNING", "Warning", "unknown", "Unknown",
                              "ignored", "[Firmware Warn]", "skipping"}) {
    if (contains(line, warning)) return Look::Warning;
  }
  if (begins(line, "Baton version") || begins(line, "Welcome")) return Look::Title;
  return Look::Plain;
}

Colour ink_of(Look look) {
  switch (look) {
    case Look::Plain:
      return {208, 212, 220};
    case Look::Faint:
      return {112, 122, 140};
    case Look::Bold:
      return {245, 247, 250};
    case Look::Good:
      return {120, 214, 130};
    case Look::Warning:
      return {240, 196, 84};
    case Look::Bad:
      return {255, 104, 96};
    case Look::Title:
      return {116, 186, 255};
  }
  return {};
}

void Screen::open(const Framebuffer& framebuffer, Clock clock) {
  framebuffer_ = framebuffer;
  clock_ = clock;
  typeface_ = &typeface_for(framebuffer.width(), framebuffer.height());
  const Font& font = *typeface_->regular;
  columns_ = std::min<size_t>(framebuffer.width() / font.width, kMaxColumns);
  rows_ = columns_ == 0 ? 0 : std::min<size_t>(framebuffer.height() / font.height, kMaxRows);
  rows_ = columns_ == 0 ? 0 : std::min(rows_, kMaxCells / columns_);
  if (rows_ == 0) columns_ = 0;
  row_ = column_ = line_start_ = 0;
  fold_ = Fold(columns_);
  framebuffer_.fill(framebuffer_.box(), kPaper);
}

void Screen::draw(size_t row, size_t column) const {
  const Cell cell = at(row, column);
  const auto look = static_cast<Look>(cell.look);
  const Font& font = is_bold(look) ? *typeface_->bold : *typeface_->regular;
  framebuffer_.glyph(static_cast<uint32_t>(column) * font.width,
                     static_cast<uint32_t>(row) * font.height, font, cell.c, ink_of(look), kPaper);
}

void Screen::set(size_t row, size_t column, Cell cell) {
  Cell& there = at(row, column);
  if (there == cell) return;
  there = cell;
  if (!hidden_) draw(row, column);
}

void Screen::draw_cursor() const {
  if (hidden_ || columns_ == 0 || column_ >= columns_) return;
  const Font& font = *typeface_->regular;
  const auto left = static_cast<uint32_t>(column_) * font.width;
  const auto bottom = static_cast<uint32_t>(row_ + 1) * font.height;
  framebuffer_.fill({left, bottom - font.height / 8, left + font.width, bottom},
                    ink_of(Look::Bold));
}

void Screen::show() {
  hidden_ = false;
  if (!is_open()) return;
  framebuffer_.fill(framebuffer_.box(), kPaper);
  for (size_t row = 0; row < rows_; ++row) {
    for (size_t column = 0; column < columns_; ++column) {
      if (at(row, column) != Cell{}) draw(row, column);
    }
  }
  draw_cursor();
}

void Screen::scroll() {
  size_t by = 1;
  if (clock_ != nullptr) {
    const uint64_t now = clock_();
    if (now - scrolled_ < kHurry) by = std::max<size_t>(rows_ / 4, 1);
    scrolled_ = now;
  }
  row_ = rows_ - by;
  line_start_ = line_start_ > by ? line_start_ - by : 0;
  for (size_t row = 0; row < rows_; ++row) {
    for (size_t column = 0; column < columns_; ++column) {
      set(row, column, row + by < rows_ ? at(row + by, column) : Cell{});
    }
  }
}

// The line that ends in this row is complete: the stamp steps back, and the rest gets its look.
void Screen::colour_row(size_t row) {
  std::array<char, kMaxColumns> text;
  const std::string_view line = row_text(line_start_, text);
  const Look look = look_of(line);
  const size_t stamp = stamp_length(line);
  for (size_t r = line_start_; r <= row; ++r) {
    for (size_t column = 0; column < columns_; ++column) {
      Cell cell = at(r, column);
      if (cell.c == ' ' || cell.look != 0) continue;
      cell.look = static_cast<uint8_t>(r == line_start_ && column < stamp ? Look::Faint : look);
      set(r, column, cell);
    }
  }
}

std::string_view Screen::row_text(size_t row, std::span<char> out) const {
  size_t length = 0;
  for (size_t column = 0; column < std::min(columns_, out.size()); ++column) {
    out[column] = at(row, column).c;
    if (out[column] != ' ') length = column + 1;
  }
  return {out.data(), length};
}

void Screen::next_line() {
  column_ = 0;
  // Whatever breaks in scrolling, and is told here, finds a row that there is.
  if (row_ + 1 < rows_) {
    ++row_;
  } else {
    scroll();
  }
}

// The next row begins, with the end of this one.
void Screen::fold(const Fold::Step& step) {
  std::array<Cell, kMaxColumns> moved;
  for (size_t i = 0; i < step.moved; ++i) {
    const size_t column = columns_ - step.moved + i;
    moved[i] = at(row_, column);
    set(row_, column, {});
  }
  next_line();
  for (; column_ < step.indent; ++column_) set(row_, column_, {});
  for (size_t i = 0; i < step.moved; ++i) set(row_, column_++, moved[i]);
  for (size_t i = 0; i < step.blanks; ++i) set(row_, column_++, {});
}

void Screen::sequence(char final) {
  // Numbers between the '[' and the final character; the first one is enough for all but m.
  std::array<uint32_t, 4> numbers{};
  size_t count = 0;
  for (size_t i = 1; i < sequence_length_ && count < numbers.size(); ++i) {
    const char c = sequence_[i];
    if (c >= '0' && c <= '9') {
      numbers[count] = std::min(numbers[count] * 10 + static_cast<uint32_t>(c - '0'), 999u);
    } else if (c == ';') {
      ++count;
    }
  }
  count = std::min(count + 1, numbers.size());
  const size_t by = std::max<size_t>(numbers[0], 1);
  switch (final) {
    case 'C':
      column_ = std::min(column_ + by, columns_ - 1);
      break;
    case 'D':
      column_ -= std::min(by, column_);
      break;
    case 'K':
      for (size_t column = column_; column < columns_; ++column) set(row_, column, {});
      break;
    case 'H':
      row_ = column_ = line_start_ = 0;
      break;
    case 'J':
      for (size_t row = 0; row < rows_; ++row) {
        for (size_t column = 0; column < columns_; ++column) set(row, column, {});
      }
      break;
    case 'm':
      for (size_t i = 0; i < count; ++i) {
        const uint32_t n = numbers[i];
        Look look = static_cast<Look>(look_);
        if (n == 0) look = Look::Plain;
        if (n == 1) look = Look::Bold;
        if (n == 2) look = Look::Faint;
        if (n >= 30 && n <= 37) look = kOfColour[n - 30];
        if (n >= 90 && n <= 97) look = kOfColour[n - 90];
        look_ = static_cast<uint8_t>(look);
      }
      break;
    default:
      break;
  }
  if (final != 'm' && final != 'K') fold_.at(column_);
}

void Screen::control(char c) {
  switch (c) {
    case '\n':
      colour_row(row_);
      next_line();
      line_start_ = row_;
      fold_.line();
      break;
    case '\r':
      row_ = line_start_;
      column_ = 0;
      fold_.line();
      break;
    case '\b':
      column_ -= column_ > 0 ? 1 : 0;
      fold_.at(column_);
      break;
    case '\t':
      do put(' ');
      while (column_ % 8 != 0 && column_ < columns_);
      break;
    case kEscape:
      sequence_length_ = 1;
      break;
    default:
      break;  // the bell, and what no screen shows
  }
}

void Screen::put(char c) {
  if (sequence_length_ != 0) {
    if (sequence_length_ == 1) {
      sequence_length_ = c == '[' ? 2 : 0;
    } else if (c >= '@' && c <= '~') {
      --sequence_length_;  // of what is kept: the numbers, from [1] on
      sequence(c);
      sequence_length_ = 0;
    } else if (sequence_length_ < sequence_.size()) {
      sequence_[sequence_length_ - 1] = c;
      ++sequence_length_;
    }
    return;
  }
  if (static_cast<unsigned char>(c) < ' ') return control(c);
  const Fold::Step step = fold_.take(c);
  if (!step.write) return;
  if (step.folds) fold(step);
  set(row_, column_, {c, look_});
  ++column_;
}

void Screen::write(std::string_view text) {
  if (!is_open()) return;
  // Where the cursor was, its line is still there: the cell is drawn again.
  if (!hidden_ && column_ < columns_) draw(row_, column_);
  for (const char c : text) put(c);
  draw_cursor();
}

}  // namespace kernel
