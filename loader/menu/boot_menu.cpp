#include "loader/menu/boot_menu.h"

#include <algorithm>

namespace loader {

BootMenu::BootMenu(std::span<const BootEntry> entries, size_t chosen, bool editor)
    : entries_(entries), editor_(editor) {
  choose(chosen);
}

void BootMenu::choose(size_t entry) {
  chosen_ = entry;
  edited_ = false;
  const size_t whole = entries_[chosen_].join_options(std::span(options_).first(kMaxOptions));
  length_ = std::min(whole, kMaxOptions);
  // What does not fit must not be started by half: an entry that long cannot be edited, and
  // join_options() says its length to whoever starts it.
  options_[length_] = '\0';
  cursor_ = length_;
}

void BootMenu::choose_ourselves(const char* words) {
  length_ = std::min(std::string_view(words).size(), kMaxOptions);
  std::copy_n(words, length_, options_.begin());
  options_[length_] = '\0';
  edited_ = ourselves_ = true;
}

BootMenu::Answer BootMenu::press(MenuKey key) {
  return editing_ ? press_while_editing(key) : press_while_choosing(key);
}

BootMenu::Answer BootMenu::press_while_choosing(MenuKey key) {
  using Kind = MenuKey::Kind;
  const size_t last = entries_.size() - 1;
  const bool character = key.kind == Kind::Character;
  size_t to = chosen_;
  if (key.kind == Kind::Up || (character && key.c == 'k')) to = chosen_ == 0 ? last : chosen_ - 1;
  if (key.kind == Kind::Down || (character && key.c == 'j')) to = chosen_ == last ? 0 : chosen_ + 1;
  if (key.kind == Kind::Home) to = 0;
  if (key.kind == Kind::End) to = last;
  if (character && key.c >= '1' && key.c <= '9' && static_cast<size_t>(key.c - '1') <= last) {
    to = static_cast<size_t>(key.c - '1');
  }
  if (to != chosen_) {
    choose(to);
    return Answer::Changed;
  }
  if (character && key.c == '\r') return Answer::Start;
  if (key.kind == Kind::Right) return Answer::Start;
  // Who may not edit options may not choose them either.
  if (character && (key.c == 't' || key.c == 'T') && may_test()) return Answer::Tests;
  if (character && (key.c == 'e' || key.c == 'E') && may_edit()) {
    editing_ = true;
    return Answer::Changed;
  }
  return Answer::Nothing;
}

BootMenu::Answer BootMenu::erase(size_t at) {
  if (at >= length_) return Answer::Nothing;
  std::copy(options_.begin() + at + 1, options_.begin() + length_ + 1, options_.begin() + at);
  --length_;
  cursor_ = at;
  edited_ = true;
  return Answer::Changed;
}

BootMenu::Answer BootMenu::press_while_editing(MenuKey key) {
  using Kind = MenuKey::Kind;
  switch (key.kind) {
    case Kind::Escape:
      editing_ = false;
      choose(chosen_);
      return Answer::Changed;
    case Kind::Left:
      cursor_ -= cursor_ > 0 ? 1 : 0;
      return Answer::Changed;
    case Kind::Right:
      cursor_ += cursor_ < length_ ? 1 : 0;
      return Answer::Changed;
    case Kind::Home:
      cursor_ = 0;
      return Answer::Changed;
    case Kind::End:
      cursor_ = length_;
      return Answer::Changed;
    case Kind::Delete:
      return erase(cursor_);
    case Kind::Character:
      break;
    default:
      return Answer::Nothing;
  }
  if (key.c == '\r') return Answer::Start;
  if (key.c == '\b') return cursor_ == 0 ? Answer::Nothing : erase(cursor_ - 1);
  if (key.c < ' ' || key.c > '~' || length_ == kMaxOptions) return Answer::Nothing;
  std::copy_backward(options_.begin() + cursor_, options_.begin() + length_ + 1,
                     options_.begin() + length_ + 2);
  options_[cursor_++] = key.c;
  ++length_;
  edited_ = true;
  return Answer::Changed;
}

}  // namespace loader
