#include "kernel/pager.h"

namespace kernel {

void Pager::sink(void* self, std::string_view text) { static_cast<Pager*>(self)->put(text); }

void Pager::line_ended() {
  column_ = 0;
  if (rows_ > 1 && ++row_ >= rows_ - 1) full_ = true;
}

void Pager::put(std::string_view text) {
  while (!text.empty() && !quit_) {
    if (full_) {
      full_ = false;
      switch (ask_(context_)) {
        case Answer::Page:
          row_ = 0;
          break;
        case Answer::Line:
          row_ = rows_ - 2;
          break;
        case Answer::Rest:
          rows_ = 0;
          break;
        case Answer::Quit:
          quit_ = true;
          return;
      }
    }
    size_t length = 0;
    while (length < text.size() && !full_) {
      if (text[length++] == '\n') {
        line_ended();
      } else if (columns_ != 0 && ++column_ > columns_) {
        line_ended();  // the screen wraps it
        column_ = 1;
      }
    }
    out_.text({text.data(), length});
    text.remove_prefix(length);
  }
}

}  // namespace kernel
