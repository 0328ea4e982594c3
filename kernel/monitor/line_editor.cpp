#include "kernel/monitor/line_editor.h"

#include <algorithm>

namespace kernel {
namespace {

constexpr char control(char c) { return static_cast<char>(c & 0x1f); }
constexpr char kEscape = 0x1b;
constexpr char kDelete = 0x7f;

constexpr bool is_printable(char c) { return c >= ' ' && c <= '~'; }

std::string_view piece(const std::array<char, LineEditor::kMaxLine>& text, size_t from, size_t to) {
  return {text.data() + from, to - from};
}

// What the candidates that fit have in common.
struct Fitting {
  std::string_view word;
  size_t count = 0;
  std::array<char, LineEditor::kMaxLine> common{};
  size_t common_length = 0;
  const mm::Printer* list = nullptr;  // where each is shown, when it is to be

  static void offer(void* self, std::string_view candidate) {
    static_cast<Fitting*>(self)->take(candidate);
  }
  void take(std::string_view candidate) {
    if (!candidate.starts_with(word) || candidate.size() > common.size()) return;
    if (list != nullptr) {
      list->text("  ");
      list->text(candidate);
    }
    if (count++ == 0) {
      std::copy(candidate.begin(), candidate.end(), common.begin());
      common_length = candidate.size();
      return;
    }
    size_t same = 0;
    while (same < common_length && same < candidate.size() && common[same] == candidate[same]) {
      ++same;
    }
    common_length = same;
  }
};

}  // namespace

void LineEditor::begin(std::string_view prompt, const mm::Printer& out) {
  prompt_ = prompt;
  length_ = cursor_ = scroll_ = back_ = 0;
  state_ = State::Plain;
  tab_again_ = false;
  out.text(prompt_);
}

// One column stays free: a character in the last one moves some terminals' cursor to the next line.
size_t LineEditor::room() const {
  const size_t taken = prompt_.size() + 1;
  return width_ > taken + 8 ? width_ - taken : 8;
}

void LineEditor::draw(const mm::Printer& out) {
  if (length_ <= room()) scroll_ = 0;
  if (cursor_ < scroll_) scroll_ = cursor_;
  if (cursor_ > scroll_ + room()) scroll_ = cursor_ - room();
  const size_t end = std::min(length_, scroll_ + room());
  out.text("\r");
  out.text(prompt_);
  out.text(piece(line_, scroll_, end));
  out.text("\x1b[K");
  if (end > cursor_) out.part("\x1b[{}D", end - cursor_);
}

void LineEditor::redraw(const mm::Printer& out) { draw(out); }

void LineEditor::insert(std::string_view text, const mm::Printer& out) {
  if (text.size() > kMaxLine - length_) {
    out.text("\a");
    return;
  }
  std::copy_backward(line_.begin() + cursor_, line_.begin() + length_,
                     line_.begin() + length_ + text.size());
  std::copy(text.begin(), text.end(), line_.begin() + cursor_);
  length_ += text.size();
  cursor_ += text.size();
  if (cursor_ == length_ && cursor_ <= scroll_ + room()) {
    out.text(text);
  } else {
    draw(out);
  }
}

void LineEditor::erase(size_t from, size_t to, const mm::Printer& out) {
  if (from >= to) return;
  std::copy(line_.begin() + to, line_.begin() + length_, line_.begin() + from);
  length_ -= to - from;
  cursor_ = from;
  draw(out);
}

void LineEditor::move(size_t to, const mm::Printer& out) {
  if (to == cursor_) return;
  cursor_ = to;
  draw(out);
}

size_t LineEditor::word_before(size_t at) const {
  while (at > 0 && line_[at - 1] == ' ') --at;
  while (at > 0 && line_[at - 1] != ' ') --at;
  return at;
}

size_t LineEditor::word_after(size_t at) const {
  while (at < length_ && line_[at] == ' ') ++at;
  while (at < length_ && line_[at] != ' ') ++at;
  return at;
}

std::string_view LineEditor::history(size_t back) const {
  if (back == 0 || back > std::min(entered_, kHistory)) return {};
  const Entry& entry = history_[(entered_ - back) % kHistory];
  return piece(entry.text, 0, entry.length);
}

void LineEditor::remember() {
  if (length_ == 0 || line() == history(1)) return;
  history_[entered_++ % kHistory] = {line_, length_};
}

void LineEditor::recall(int step, const mm::Printer& out) {
  if (step > 0 ? back_ == std::min(entered_, kHistory) : back_ == 0) {
    out.text("\a");
    return;
  }
  if (back_ == 0) draft_ = {line_, length_};
  back_ = step > 0 ? back_ + 1 : back_ - 1;
  const std::string_view text = back_ == 0 ? piece(draft_.text, 0, draft_.length) : history(back_);
  std::copy(text.begin(), text.end(), line_.begin());
  length_ = cursor_ = text.size();
  scroll_ = 0;
  draw(out);
}

void LineEditor::complete_word(const mm::Printer& out) {
  if (complete_ == nullptr) return;
  size_t start = cursor_;
  while (start > 0 && line_[start - 1] != ' ') --start;
  Fitting fitting{.word = piece(line_, start, cursor_)};
  const std::string_view before = piece(line_, 0, cursor_);
  complete_(context_, before, &Fitting::offer, &fitting);
  if (fitting.count == 0) {
    out.text("\a");
    return;
  }
  const size_t begun = cursor_ - start;
  const bool more = fitting.common_length > begun;
  if (more) insert(piece(fitting.common, begun, fitting.common_length), out);
  if (fitting.count == 1) {
    insert(" ", out);
  } else if (!more && tab_again_) {
    out.text("\n");
    Fitting all{.word = fitting.word, .list = &out};
    complete_(context_, before, &Fitting::offer, &all);
    out.text("\n");
    draw(out);
  } else if (!more) {
    tab_again_ = true;
    out.text("\a");
  }
}

void LineEditor::sequence(char final, const mm::Printer& out) {
  switch (final) {
    case 'A':
      return recall(1, out);
    case 'B':
      return recall(-1, out);
    case 'C':
      if (parameter_ >= 3) return move(word_after(cursor_), out);
      return move(std::min(cursor_ + 1, length_), out);
    case 'D':
      if (parameter_ >= 3) return move(word_before(cursor_), out);
      return move(cursor_ == 0 ? 0 : cursor_ - 1, out);
    case 'H':
      return move(0, out);
    case 'F':
      return move(length_, out);
    case '~':
      if (parameter_ == 1 || parameter_ == 7) return move(0, out);
      if (parameter_ == 4 || parameter_ == 8) return move(length_, out);
      if (parameter_ == 3) return erase(cursor_, std::min(cursor_ + 1, length_), out);
      return;
    default:
      return;  // a key we have no use for
  }
}

void LineEditor::key(char c, const mm::Printer& out) {
  switch (c) {
    case '\b':
    case kDelete:
      return erase(cursor_ == 0 ? 0 : cursor_ - 1, cursor_, out);
    case control('a'):
      return move(0, out);
    case control('b'):
      return move(cursor_ == 0 ? 0 : cursor_ - 1, out);
    case control('d'):
      return erase(cursor_, std::min(cursor_ + 1, length_), out);
    case control('e'):
      return move(length_, out);
    case control('f'):
      return move(std::min(cursor_ + 1, length_), out);
    case control('k'):
      length_ = cursor_;
      return draw(out);
    case control('l'):
      out.text("\x1b[H\x1b[2J");
      return draw(out);
    case control('n'):
      return recall(-1, out);
    case control('p'):
      return recall(1, out);
    case control('u'):
      return erase(0, cursor_, out);
    case control('w'):
      return erase(word_before(cursor_), cursor_, out);
    default:
      if (is_printable(c)) insert({&c, 1}, out);
  }
}

LineEditor::Event LineEditor::take(char c, const mm::Printer& out) {
  switch (state_) {
    case State::Escape:
      parameter_ = 0;
      state_ = c == '[' ? State::Sequence : c == 'O' ? State::SingleShift : State::Plain;
      if (c == 'b') move(word_before(cursor_), out);
      if (c == 'f') move(word_after(cursor_), out);
      return Event::None;
    case State::Sequence:
      if (c >= '0' && c <= '9') {
        parameter_ = std::min(parameter_ * 10 + static_cast<uint32_t>(c - '0'), 999u);
      } else if (c == ';') {
        parameter_ = 0;  // the last one, a modifier, decides
      } else if (c >= '@' && c <= '~') {
        state_ = State::Plain;
        sequence(c, out);
      }
      return Event::None;
    case State::SingleShift:
      state_ = State::Plain;
      sequence(c, out);
      return Event::None;
    case State::Plain:
      break;
  }
  if (c == '\t') {
    complete_word(out);
    return Event::None;
  }
  tab_again_ = false;
  switch (c) {
    case kEscape:
      state_ = State::Escape;
      return Event::None;
    case '\r':
    case '\n':
      if (cursor_ != length_ || scroll_ != 0) move(length_, out);
      out.text("\n");
      remember();
      return Event::Line;
    case control('c'):
      out.text("^C\n");
      return Event::Abandoned;
    default:
      key(c, out);
      return Event::None;
  }
}

}  // namespace kernel
