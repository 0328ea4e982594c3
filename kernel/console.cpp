#include "kernel/console.h"

#include <algorithm>

namespace kernel {
namespace {

constinit Console the_console;

}  // namespace

Console& console() { return the_console; }

bool Console::add_output(Output output) {
  if (output_count_ == outputs_.size()) return false;
  replay(output);
  outputs_[output_count_++] = output;
  return true;
}

void Console::replay(Output output) const {
  if (written_ <= kRingSize) {
    output({ring_.data(), static_cast<size_t>(written_)});
    return;
  }
  const size_t oldest = static_cast<size_t>(written_ % kRingSize);
  output({ring_.data() + oldest, kRingSize - oldest});
  output({ring_.data(), oldest});
}

void Console::show_again() const {
  for (size_t i = 0; i < output_count_; ++i) replay(outputs_[i]);
}

void Console::put(std::string_view text) {
  if (text.empty()) return;
  for (const char c : text) ring_[static_cast<size_t>(written_++ % kRingSize)] = c;
  for (size_t i = 0; i < output_count_; ++i) outputs_[i](text);
  mid_line_ = text.back() != '\n';
}

void Console::write(std::string_view text, bool stamped) {
  if (!stamped) {
    put(text);
    return;
  }
  while (!text.empty()) {
    if (!mid_line_) {
      const uint64_t now = clock_ == nullptr ? 0 : clock_();
      char stamp[32];
      const size_t length = mm::format(stamp, "[%5lu.%06lu] ", now / 1'000'000, now % 1'000'000);
      put({stamp, std::min(length, sizeof stamp - 1)});
    }
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    put(text.substr(0, end));
    text.remove_prefix(end);
  }
}

mm::Printer Console::log_printer() {
  return {[](void* self, std::string_view text) { static_cast<Console*>(self)->log(text); }, this};
}

mm::Printer Console::bare_printer() {
  return {[](void* self, std::string_view text) { static_cast<Console*>(self)->bare(text); }, this};
}

}  // namespace kernel
