// The words of a command line, split as Linux 6.1 does it (lib/cmdline.c, next_arg): blanks
// separate words, except between quotes, and quotes around a word or around its value are none of
// it.
//
//     quiet memmap="16M$400M" "mem=2G" panic="two words"
//
// are the words quiet, memmap with the value 16M$400M, mem with 2G, and panic with `two words`. A
// quote cannot be escaped; one that is never closed takes all that follows.
#pragma once

#include <string_view>

namespace mm {

struct OptionWord {
  std::string_view text;         // as it stands there, quotes and all
  std::string_view name, value;  // value is empty when there is no '='
  bool open = false;             // a quote in it is not closed
};

// Takes the first word off `rest`; its text is empty when there is none. Everything points into
// `rest`. Control characters separate words as blanks do: a firmware's text may hold them.
inline OptionWord take_option_word(std::string_view& rest) {
  const auto separates = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!rest.empty() && separates(rest.front())) rest.remove_prefix(1);
  OptionWord word;
  size_t end = 0;
  for (; end < rest.size() && (word.open || !separates(rest[end])); ++end) {
    if (rest[end] == '"') word.open = !word.open;
  }
  word.text = {rest.data(), end};
  rest.remove_prefix(end);

  const auto unquote_end = [](std::string_view& text) {
    if (!text.empty() && text.back() == '"') text.remove_suffix(1);
  };
  std::string_view bare = word.text;
  if (!bare.empty() && bare.front() == '"') {
    bare.remove_prefix(1);
    unquote_end(bare);
  }
  size_t equals = 0;
  while (equals < bare.size() && bare[equals] != '=') ++equals;
  word.name = {bare.data(), equals};
  if (equals == bare.size()) return word;
  word.value = {bare.data() + equals + 1, bare.size() - equals - 1};
  if (!word.value.empty() && word.value.front() == '"') {
    word.value.remove_prefix(1);
    unquote_end(word.value);
  }
  return word;
}

// Whether there is a word of that name, with a value or not.
inline bool has_option_word(std::string_view words, std::string_view name) {
  for (;;) {
    const OptionWord word = take_option_word(words);
    if (word.text.empty()) return false;
    if (word.name == name) return true;
  }
}

}  // namespace mm
