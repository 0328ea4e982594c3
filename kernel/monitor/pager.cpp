#include "kernel/monitor/pager.h"

#include <algorithm>

#include "kernel/screen/fold.h"

namespace kernel {

void Pager::sink(void* self, std::string_view text) { static_cast<Pager*>(self)->put(text); }

// As the screen will fold it.
size_t Pager::rows_of_line() const {
  Fold fold(columns_);
  size_t rows = 1;
  for (const char c : std::string_view(line_.data(), length_)) {
    if (static_cast<unsigned char>(c) < ' ') continue;
    rows += fold.take(c).folds ? 1 : 0;
  }
  return rows;
}

void Pager::end_line() {
  if (length_ == 0 || quit_) return;
  const size_t rows = rows_of_line();
  // A line that no page has room for is shown all the same.
  while (rows_ > 1 && row_ != 0 && row_ + rows > rows_ - 1) {
    switch (ask_(context_)) {
      case Answer::Page:
        row_ = 0;
        break;
      case Answer::Line:
        row_ = std::max(rows_ - 1, rows) - rows;
        break;
      case Answer::Rest:
        rows_ = 0;
        break;
      case Answer::Quit:
        quit_ = true;
        return;
    }
  }
  row_ += rows;
  out_.text({line_.data(), length_});
  length_ = 0;
}

void Pager::put(std::string_view text) {
  while (!text.empty() && !quit_) {
    if (rows_ == 0 && length_ == 0) return out_.text(text);
    const char c = text.front();
    text.remove_prefix(1);
    line_[length_++] = c;
    if (c == '\n' || length_ == line_.size()) end_line();
  }
}

}  // namespace kernel
