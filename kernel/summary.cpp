#include "kernel/summary.h"

#include <algorithm>

#include "mm/print.h"

namespace kernel {
namespace {

// The first that fits counts; 3: the line is of those that come again and again.
struct Rule {
  std::string_view begins;
  uint8_t kind;
};
constexpr Rule kRules[] = {
    {"Baton version", 0},
    {"efi: EFI", 0},
    {"DMI:", 0},
    {"tsc: Detected", 0},
    {"Command line:", 0},
    {"Initmem setup node", 0},
    {"Memory:", 0},
    {"Ledger: closed", 1},
    {"Self-tests:", 1},
    {"memtest: pull first:", 2},
    {"memtest: module ", 2},
    {"memtest: [", 3},
    {"memtest: pass ", 3},
    {"memtest: overnight: until", 3},
    {"memtest: words that", 3},
    {"memtest: word by", 3},
    {"memtest: of this sweep", 3},
    {"memtest: error at", 3},
    {"memtest: corrected error", 3},
    {"memtest: uncorrected error", 3},
    {"memtest: bank ", 3},
    {"Memory test", 1},
    {"memtest: ", 1},
    {"FAILED", 2},
    {"Kernel panic", 2},
    {"RIP:", 2},
    {"not ok", 2},
    {"[Firmware Bug]", 2},
    {"ledger:", 2},
    {"memmap=", 2},
    {"badram", 2},
    {"bad page", 2},
    {"USB fault", 2},
};

// Without `[    0.000000] ` and indentation.
std::string_view strip(std::string_view line) {
  if (line.starts_with('[')) {
    const size_t end = line.find("] ");
    const std::string_view stamp(line.data(), end == std::string_view::npos ? 0 : end);
    const bool is_stamp = !stamp.empty() && std::all_of(stamp.begin() + 1, stamp.end(), [](char c) {
      return c == ' ' || c == '.' || (c >= '0' && c <= '9');
    });
    if (is_stamp) line.remove_prefix(end + 2);
  }
  while (line.starts_with(' ')) line.remove_prefix(1);
  return line;
}

bool is_shown(char c) { return c >= ' ' && c <= '~'; }

}  // namespace

void Summary::keep(Kind kind, std::string_view line) {
  Part& part = parts_[static_cast<size_t>(kind)];
  const size_t room = kEach[static_cast<size_t>(kind)];
  // The same again says nothing new.
  const std::string_view before(part.text.data(), part.length);
  if (before.find(line) != std::string_view::npos) return;
  if (part.length + line.size() + 1 > room) {
    ++part.left_out;
    return;
  }
  std::copy(line.begin(), line.end(), part.text.begin() + part.length);
  part.length += line.size();
  part.text[part.length++] = '\n';
}

void Summary::end_line() {
  const std::string_view line = strip({line_.data(), line_length_});
  line_length_ = 0;
  for (const Rule& rule : kRules) {
    if (!line.starts_with(rule.begins)) continue;
    return rule.kind == kKinds ? void() : keep(static_cast<Kind>(rule.kind), line);
  }
}

void Summary::take(std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      end_line();
    } else if (line_length_ < line_.size() && is_shown(c)) {
      line_[line_length_++] = c;
    }
  }
}

std::string_view Summary::finish() {
  if (line_length_ != 0) end_line();
  answer_length_ = 0;
  size_t left_out = 0;
  const auto add = [this](std::string_view text) {
    std::copy(text.begin(), text.end(), answer_.begin() + answer_length_);
    answer_length_ += text.size();
  };
  constexpr size_t kLastLine = 48;
  for (const Part& part : parts_) {
    left_out += part.left_out;
    std::string_view rest(part.text.data(), part.length);
    while (!rest.empty()) {
      const size_t end = rest.find('\n') + 1;
      if (answer_length_ + end + kLastLine > answer_.size()) {
        ++left_out;
      } else {
        add({rest.data(), end});
      }
      rest.remove_prefix(end);
    }
  }
  if (left_out != 0) {
    char text[kLastLine];
    const size_t length = mm::format(text, "({} more lines did not fit)\n", left_out);
    add({text, std::min(length, sizeof text - 1)});
  }
  return {answer_.data(), answer_length_};
}

}  // namespace kernel
