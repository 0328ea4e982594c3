// Editing one line on a terminal: cursor, history, completion. Pure: characters in, text out.
//
// Keys are those of Emacs and of every shell, as characters and ECMA-48 sequences (what terminals
// send, and kernel/x86/keyboard.h makes of a PS/2 keyboard). The screen needs \r, ESC [ n D and
// ESC [ K. A character typed at the end of a line is answered with itself alone, so that a log of
// the port reads like what was typed; a line longer than the screen scrolls sideways.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mm/print.h"

namespace kernel {

class LineEditor {
 public:
  static constexpr size_t kMaxLine = 255;
  static constexpr size_t kHistory = 32;

  enum class Event : uint8_t {
    None,
    Line,      // Enter: line() is what was typed
    Abandoned  // Ctrl-C: nothing was
  };
  // Calls offer(sink, candidate) for each word that may stand where the cursor is; `before` is the
  // line up to the cursor. Those that do not begin with the word begun there are left out by us.
  using Offer = void (*)(void* sink, std::string_view candidate);
  using Complete = void (*)(void* context, std::string_view before, Offer offer, void* sink);

  LineEditor() = default;
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  void set_completion(Complete complete, void* context) {
    complete_ = complete;
    context_ = context;
  }
  // Columns of the narrowest screen shown to.
  void set_width(size_t columns) { width_ = columns; }

  // Shows the prompt and starts an empty line. `prompt` must outlive the line.
  void begin(std::string_view prompt, const mm::Printer& out);
  // Takes one character as typed.
  Event take(char c, const mm::Printer& out);
  [[nodiscard]] std::string_view line() const { return {line_.data(), length_}; }
  // Draws the line again, after something else was written.
  void redraw(const mm::Printer& out);

  // The line typed `back` lines ago (1: the last one); empty when there is none.
  [[nodiscard]] std::string_view history(size_t back) const;

 private:
  struct Entry {
    std::array<char, kMaxLine> text{};
    size_t length = 0;
  };
  enum class State : uint8_t { Plain, Escape, Sequence, SingleShift };

  void key(char c, const mm::Printer& out);
  void sequence(char final, const mm::Printer& out);
  void insert(std::string_view text, const mm::Printer& out);
  void erase(size_t from, size_t to, const mm::Printer& out);
  void move(size_t to, const mm::Printer& out);
  void recall(int step, const mm::Printer& out);
  void complete_word(const mm::Printer& out);
  void remember();
  [[nodiscard]] size_t word_before(size_t at) const;
  [[nodiscard]] size_t word_after(size_t at) const;
  void draw(const mm::Printer& out);
  [[nodiscard]] size_t room() const;

  Complete complete_ = nullptr;
  void* context_ = nullptr;
  size_t width_ = 80;
  std::string_view prompt_;

  std::array<char, kMaxLine> line_{};
  size_t length_ = 0;
  size_t cursor_ = 0;
  size_t scroll_ = 0;  // first character shown
  State state_ = State::Plain;
  uint32_t parameter_ = 0;
  bool tab_again_ = false;  // the last key was a Tab that could not decide

  std::array<Entry, kHistory> history_{};
  size_t entered_ = 0;  // lines ever remembered; the last kHistory of them are there
  size_t back_ = 0;     // how far back what is shown was recalled from; 0: not recalled
  Entry draft_;         // what was being typed before the first recall
};

}  // namespace kernel
