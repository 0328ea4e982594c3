// The boot menu as a state that keys change: which entry is chosen, and its options while they are
// edited for one boot. Pure; efi/menu.h shows it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "loader/menu/boot_entries.h"

namespace loader {

struct MenuKey {
  enum class Kind : uint8_t { Character, Up, Down, Left, Right, Home, End, Delete, Escape, Other };
  Kind kind = Kind::Other;
  char c = 0;  // of a Character; '\r' is Enter and '\b' Backspace
};

class BootMenu {
 public:
  static constexpr size_t kMaxOptions = 1023;

  enum class Answer : uint8_t {
    Nothing,  // the key means nothing here
    Changed,  // to be drawn again
    Tests,    // the page of tests is asked for
    Start     // the chosen entry, with options()
  };

  // `entries` is not empty and outlives this. Without `editor` options stay as they are.
  BootMenu(std::span<const BootEntry> entries, size_t chosen, bool editor);

  Answer press(MenuKey key);

  // Nobody may edit options, whatever `editor` says; the page of tests stays.
  void lock_options() { locked_ = true; }

  // What is to be started is Baton itself, with these words, whichever entry is chosen.
  void choose_ourselves(const char* words);
  [[nodiscard]] bool chose_ourselves() const { return ourselves_; }

  [[nodiscard]] std::span<const BootEntry> entries() const { return entries_; }
  [[nodiscard]] size_t chosen() const { return chosen_; }
  [[nodiscard]] bool may_edit() const { return editor_ && !locked_; }
  [[nodiscard]] bool may_test() const { return editor_; }
  [[nodiscard]] bool editing() const { return editing_; }
  // Of the chosen entry; as edited, where that was done. NUL-terminated.
  [[nodiscard]] const char* options() const { return options_.data(); }
  [[nodiscard]] size_t cursor() const { return cursor_; }
  // Whether they are what the entry's file says (and then an entry without any has none).
  [[nodiscard]] bool edited() const { return edited_; }

 private:
  void choose(size_t entry);
  Answer press_while_choosing(MenuKey key);
  Answer press_while_editing(MenuKey key);
  Answer erase(size_t at);

  std::span<const BootEntry> entries_;
  size_t chosen_ = 0;
  bool editor_;
  bool locked_ = false;
  bool editing_ = false;
  bool edited_ = false;
  bool ourselves_ = false;
  std::array<char, kMaxOptions + 1> options_{};
  size_t length_ = 0;
  size_t cursor_ = 0;
};

}  // namespace loader
