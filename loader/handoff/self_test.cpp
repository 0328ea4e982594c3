#include "loader/handoff/self_test.h"

#include "mm/option_words.h"

namespace loader {
namespace {

bool glob(std::string_view pattern, std::string_view text) {
  // Where the last '*' stood, and how much of the text it has swallowed so far.
  size_t star = std::string_view::npos;
  size_t swallowed = 0;
  size_t p = 0;
  size_t t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      swallowed = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++swallowed;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// The decimal number that ends in front of `end`.
std::optional<uint64_t> number_before(std::string_view line, size_t end) {
  size_t start = end;
  while (start > 0 && line[start - 1] >= '0' && line[start - 1] <= '9') --start;
  if (start == end || end - start > 18) return std::nullopt;
  uint64_t value = 0;
  for (size_t i = start; i < end; ++i) value = value * 10 + static_cast<uint64_t>(line[i] - '0');
  return value;
}

}  // namespace

const char* severity_name(Severity severity) {
  switch (severity) {
    case Severity::Low:
      return "low";
    case Severity::Medium:
      return "medium";
    case Severity::High:
      return "high";
    case Severity::Critical:
      return "critical";
  }
  return "?";
}

void Facts::put(std::string_view text) {
  constexpr std::string_view kCut = "...";
  for (const char c : text) {
    if (full_) return;
    if (length_ + 1 == kSize) {
      for (size_t i = 0; i < kCut.size(); ++i) text_[kSize - 1 - kCut.size() + i] = kCut[i];
      full_ = true;
      return;
    }
    text_[length_++] = c;
  }
}

void Facts::sink(void* self, std::string_view text) { static_cast<Facts*>(self)->put(text); }

void Facts::say_values(mm::Wording format, const uint64_t* values) {
  if (length_ != 0) put("\n");
  mm::Printer(sink, this).part_of(format, values);
}

Verdict::Verdict(Outcome outcome, mm::Wording format, const uint64_t* values) : outcome_(outcome) {
  facts_.say_values(format, values);
}

std::optional<Counted> counted_in(std::string_view line) {
  constexpr std::string_view kPassed = " passed, ", kFailed = " failed";
  const size_t passed = line.find(kPassed);
  if (passed == std::string_view::npos) return std::nullopt;
  const size_t failed = line.find(kFailed, passed + kPassed.size());
  if (failed == std::string_view::npos) return std::nullopt;
  const auto before = number_before(line, passed);
  const auto after = number_before(line, failed);
  if (!before || !after) return std::nullopt;
  return Counted{*before, *after};
}

bool id_matches(std::string_view pattern, std::string_view id) {
  if (pattern.find('*') != std::string_view::npos) return glob(pattern, id);
  if (id.substr(0, pattern.size()) != pattern) return false;
  return id.size() == pattern.size() || id[pattern.size()] == '.';
}

Selection::Selection(std::string_view options) {
  constexpr std::string_view kWord = "selftest";
  for (mm::OptionWord word = mm::take_option_word(options); !word.text.empty();
       word = mm::take_option_word(options)) {
    if (word.name != kWord) continue;
    words_ = word.value;
    asked_ = true;
  }
  read_words();
}

Selection Selection::of_words(std::string_view words) {
  Selection selection;
  selection.asked_ = true;
  selection.words_ = words;
  selection.read_words();
  return selection;
}

void Selection::read_words() {
  std::string_view rest = words_;
  for (std::string_view word = take(rest); !word.empty(); word = take(rest)) {
    if (word == "full") {
      full_ = true;
    } else if (word == "list") {
      list_ = true;
    } else {
      patterns_ = true;
    }
  }
}

std::string_view Selection::take(std::string_view& rest) {
  while (!rest.empty() && rest.front() == ',') rest.remove_prefix(1);
  const size_t end = rest.find(',');
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(word.size());
  return word;
}

bool Selection::wants(std::string_view id) const {
  if (!asked_) return false;
  if (!patterns_) return true;
  bool wanted = false;
  for_each_pattern([&](std::string_view pattern) { wanted = wanted || id_matches(pattern, id); });
  return wanted;
}

}  // namespace loader
