// Long answers a screenful at a time, and line by line: a line that does not fit any more waits for
// the answer as a whole. Pure: what waits for a key is supplied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mm/print.h"

namespace kernel {

class Pager {
 public:
  enum class Answer : uint8_t { Page, Line, Rest, Quit };
  // Shows that there is more and says how to go on; wipes that out again.
  using Ask = Answer (*)(void* context);

  // `rows` of the screen, of which one is for the question; 0: never asks, and text goes through as
  // it comes. `columns` 0: long lines count as one.
  Pager(const mm::Printer& out, size_t rows, size_t columns, Ask ask, void* context)
      : out_(out), rows_(rows), columns_(columns), ask_(ask), context_(context) {}
  ~Pager() { end_line(); }
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  [[nodiscard]] mm::Printer printer() { return {&Pager::sink, this}; }
  // The reader has had enough: what is printed from now on is dropped.
  [[nodiscard]] bool quit() const { return quit_; }

 private:
  static void sink(void* self, std::string_view text);
  void put(std::string_view text);
  void end_line();
  [[nodiscard]] size_t rows_of_line() const;

  mm::Printer out_;
  size_t rows_;
  size_t columns_;
  Ask ask_;
  void* context_;
  size_t row_ = 0;  // rows shown since the last answer
  bool quit_ = false;
  std::array<char, 1024> line_{};  // begun; a longer one is shown in pieces
  size_t length_ = 0;
};

}  // namespace kernel
