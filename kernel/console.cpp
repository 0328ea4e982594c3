#include "kernel/console.h"

#include <algorithm>
#include <cstring>

namespace kernel {
namespace {

constinit Console the_console;

}  // namespace

Console& console() { return the_console; }

bool Console::add_output(Output output, Flush show) {
  if (output_count_ == outputs_.size()) return false;
  flushes_[output_count_] = show;
  outputs_[output_count_++] = output;
  replay(output);
  return true;
}

bool Console::add_line(Output output) {
  if (!add_output(output)) return false;
  const size_t place = line_count_++;
  const auto to_front = [&](auto& list) {
    const auto begin = list.begin() + place, end = list.begin() + output_count_;
    std::rotate(begin, end - 1, end);
  };
  to_front(outputs_);
  to_front(flushes_);
  return true;
}

void Console::flush() {
  const Policy::Masked masked;
  const Held held(lock_);
  for (size_t i = 0; i < output_count_; ++i) {
    if (flushes_[i] != nullptr) flushes_[i]();
  }
}

void Console::replay(Output output) const { (void)replay_since(0, output); }

uint64_t Console::replay_since(uint64_t from, Output output) const {
  const uint64_t end = written_;  // others may print meanwhile
  const uint64_t oldest = end <= kRingSize ? 0 : end - kRingSize;
  const uint64_t first = std::max(from, oldest);
  const auto place = static_cast<size_t>(first % kRingSize);
  const auto count = static_cast<size_t>(end - first);
  const size_t to_end = std::min(count, kRingSize - place);
  output({ring_.data() + place, to_end});
  if (count > to_end) output({ring_.data(), count - to_end});
  return end;
}

void Console::show_again() const {
  for (size_t i = 0; i < output_count_; ++i) replay(outputs_[i]);
}

void Console::speak_to(Hearers hearers) {
  lock_ = {};
  note_lost(LockRank::Console);
  if (hearers_ == Hearers::Lines) {
    mid_line_ = others_mid_line_;
  } else {
    others_mid_line_ = mid_line_;
  }
  hearers_ = hearers;
  finish_line();
}

void Console::put(std::string_view text) {
  if (text.empty()) return;
  if (hearers_ != Hearers::Lines) {
    for (std::string_view rest = text; !rest.empty();) {
      const auto place = static_cast<size_t>(written_ % kRingSize);
      const size_t count = std::min(rest.size(), kRingSize - place);
      std::memcpy(ring_.data() + place, rest.data(), count);
      written_ += count;
      rest.remove_prefix(count);
    }
  }
  const size_t first = hearers_ == Hearers::Others ? line_count_ : 0;
  const size_t end = hearers_ == Hearers::Lines ? line_count_ : output_count_;
  for (size_t i = first; i < end; ++i) {
    outputs_[i](text);
    if (hearers_ != Hearers::All && flushes_[i] != nullptr) flushes_[i]();
  }
  mid_line_ = text.back() != '\n';
}

void Console::write(std::string_view text, bool stamped) {
  const Policy::Masked masked;
  const Held held(lock_);
  if (!stamped) {
    put(text);
    return;
  }
  while (!text.empty()) {
    if (!mid_line_) {
      const uint64_t now = clock_ == nullptr ? 0 : clock_();
      char stamp[32];
      const size_t length = mm::format(stamp, "[{:5}.{:06}] ", now / 1'000'000, now % 1'000'000);
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
