#include "kernel/screen/screen.h"

#include <algorithm>
#include <optional>

#include "loader/handoff/self_test.h"

namespace kernel {
namespace {

constexpr char kEscape = 0x1b;
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

struct Word {
  std::string_view word;
  Look look;
};
constexpr Word kWords[] = {
    {"Kernel panic", Look::Bad},        {" failed", Look::Bad},
    {"does not close", Look::Bad},      {"corrupt", Look::Bad},
    {"bad memory", Look::Bad},          {" bad pages", Look::Bad},
    {"[Firmware Bug]", Look::Warning},  {"WARNING", Look::Warning},
    {"Warning", Look::Warning},         {"unknown", Look::Warning},
    {"Unknown", Look::Warning},         {"ignored", Look::Warning},
    {"[Firmware Warn]", Look::Warning}, {"skipping", Look::Warning},
};
// Their first two letters.
constexpr auto kBeginsWord = [] {
  std::array<uint8_t, 256> begins{};
  for (const Word& word : kWords) {
    begins[static_cast<uint8_t>(word.word[0])] |= 1;
    begins[static_cast<uint8_t>(word.word[1])] |= 2;
  }
  return begins;
}();

// Of the words in a line, anywhere, the worst. Each line is looked through, so once for all words.
Look look_of_words(std::string_view line) {
  Look worst = Look::Plain;
  for (size_t i = 0; i + 1 < line.size(); ++i) {
    if ((kBeginsWord[static_cast<uint8_t>(line[i])] & 1) == 0 ||
        (kBeginsWord[static_cast<uint8_t>(line[i + 1])] & 2) == 0) {
      continue;
    }
    for (const Word& word : kWords) {
      if (word.word[0] != line[i] || !line.substr(i).starts_with(word.word)) continue;
      if (word.look == Look::Bad) return Look::Bad;
      worst = word.look;
    }
  }
  return worst;
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
  if (const Look look = look_of_words(line); look != Look::Plain) return look;
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
  row_ = column_ = line_start_ = first_ = 0;
  fold_ = Fold(columns_);
  std::fill_n(cells_.begin(), rows_ * columns_, kBlank);
  for (size_t i = 0; i < styles_.size(); ++i) {
    const auto look = static_cast<Look>(i);
    styles_[i] = {framebuffer_.pen(ink_of(look), kPaper),
                  is_bold(look) ? typeface_->bold : typeface_->regular};
  }
  framebuffer_.fill(framebuffer_.box(), kPaper);
  forget(kBlank);
}

// All of the framebuffer shows this.
void Screen::forget(Cell shows) {
  std::fill_n(shown_.begin(), rows_ * columns_, shows);
  cursor_.reset();
  dirty_from_ = 0;
  dirty_to_ = rows_;
}

void Screen::draw(uint32_t x, uint32_t y, Cell cell) const {
  const Style& style = styles_[cell.look];
  framebuffer_.glyph(x, y, *style.font, cell.c, style.pen);
}

void Screen::draw_cursor() {
  if (column_ >= columns_) return;
  const Font& font = *typeface_->regular;
  const auto left = static_cast<uint32_t>(column_) * font.width;
  const auto bottom = static_cast<uint32_t>(row_ + 1) * font.height;
  framebuffer_.fill({left, bottom - font.height / 8, left + font.width, bottom},
                    ink_of(Look::Bold));
  cursor_ = row_ * columns_ + column_;
}

bool Screen::is_due() const {
  const uint64_t now = clock_ == nullptr ? 0 : clock_();
  return urgent_ || now == 0 || now - drawn_ >= kEvery;
}

void Screen::flush() {
  if (!is_open() || hidden_) return;
  // Where the cursor was, its line is still there.
  if (cursor_ && *cursor_ != row_ * columns_ + column_) {
    shown_[*cursor_] = kUnknown;
    touch(*cursor_ / columns_);
    cursor_.reset();
  }
  const uint32_t width = typeface_->regular->width;
  for (size_t row = dirty_from_; row < dirty_to_; ++row) {
    const auto y = static_cast<uint32_t>(row) * typeface_->regular->height;
    const Cell* wanted = &at(row, 0);
    Cell* shown = &shown_[row * columns_];
    for (size_t column = 0; column < columns_; ++column) {
      if (shown[column] == wanted[column]) continue;
      // Noted first: what breaks in drawing is told on this screen.
      shown[column] = wanted[column];
      draw(static_cast<uint32_t>(column) * width, y, wanted[column]);
    }
  }
  dirty_from_ = rows_;
  dirty_to_ = 0;
  draw_cursor();
  urgent_ = scrolled_ = false;
  drawn_ = clock_ == nullptr ? 0 : clock_();
}

void Screen::show() {
  hidden_ = false;
  if (!is_open()) return;
  framebuffer_.fill(framebuffer_.box(), kPaper);
  forget(kBlank);
  flush();
}

void Screen::scroll() {
  size_t by = 1;
  // Only the first row that scrolls costs anything.
  if (!scrolled_ && !is_due()) by = std::max<size_t>(rows_ / 4, 1);
  scrolled_ = true;
  row_ = rows_ - by;
  line_start_ = line_start_ > by ? line_start_ - by : 0;
  first_ = (first_ + by) % rows_;
  for (size_t row = row_; row < rows_; ++row) std::fill_n(&at(row, 0), columns_, kBlank);
  dirty_from_ = 0;
  dirty_to_ = rows_;
}

// The line that ends in this row is complete: the stamp steps back, and the rest gets its look.
void Screen::colour_row(size_t row) {
  std::array<char, kMaxColumns> text;
  const std::string_view line = row_text(line_start_, text);
  const Look look = look_of(line);
  urgent_ = urgent_ || look == Look::Bad || look == Look::Warning;
  const size_t stamp = stamp_length(line);
  for (size_t r = line_start_; r <= row; ++r) {
    Cell* const cells = &at(r, 0);
    const size_t end = r == line_start_ ? line.size() : columns_;
    for (size_t column = 0; column < end; ++column) {
      Cell& cell = cells[column];
      if (cell.c == ' ' || cell.look != 0) continue;
      cell.look = static_cast<uint8_t>(r == line_start_ && column < stamp ? Look::Faint : look);
    }
    touch(r);
  }
}

std::string_view Screen::row_text(size_t row, std::span<char> out) const {
  if (!is_open()) return {};
  const Cell* const cells = &at(row, 0);
  size_t length = std::min(columns_, out.size());
  while (length != 0 && cells[length - 1].c == ' ') --length;
  for (size_t column = 0; column < length; ++column) out[column] = cells[column].c;
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
    set(row_, column, kBlank);
  }
  next_line();
  for (; column_ < step.indent; ++column_) set(row_, column_, kBlank);
  for (size_t i = 0; i < step.moved; ++i) set(row_, column_++, moved[i]);
  for (size_t i = 0; i < step.blanks; ++i) set(row_, column_++, kBlank);
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
      for (size_t column = column_; column < columns_; ++column) set(row_, column, kBlank);
      break;
    case 'H':
      row_ = column_ = line_start_ = 0;
      break;
    case 'J':
      for (size_t row = 0; row < rows_; ++row) {
        for (size_t column = 0; column < columns_; ++column) set(row, column, kBlank);
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
  for (const char c : text) {
    // Most of what is written.
    if (sequence_length_ == 0 && c >= ' ' && fold_.take_plain(c)) {
      set(row_, column_++, {c, look_});
    } else {
      put(c);
    }
  }
  // Lines come in many pieces: of those the last asks for the time.
  if (clock_ == nullptr || (!text.empty() && text.back() == '\n' && is_due())) flush();
}

}  // namespace kernel
