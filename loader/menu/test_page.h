// A page of choices instead of words: what of Baton's tests is to run in this start, and what is shown
// afterwards; keys change it, and it becomes the option words that somebody could have typed. For whose
// keyboard works while the firmware is there. Pure; efi/test_page.h shows it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "loader/menu/boot_menu.h"

namespace loader {

class TestPage {
 public:
  enum class Answer : uint8_t {
    Nothing,  // the key means nothing here
    Changed,  // to be drawn again
    Start,    // with words()
    Leave     // back to the menu, which stays as it was
  };
  enum Field : uint8_t { kSelftests, kMemoryTest, kPasses, kAfterwards, kGuard, kFields };

  // Up and Down choose a field; Left, Right and the space bar its value, in circles; Enter starts.
  Answer press(MenuKey key);

  struct Row {
    const char* name;
    const char* value;
    bool chosen;
    bool counts;  // false: another choice leaves it without effect
  };
  [[nodiscard]] Row row(size_t field) const;

  // Writes the words, NUL-terminated, and returns their length.
  static constexpr size_t kMostWords = 80;
  size_t words(std::span<char, kMostWords> out) const;

 private:
  [[nodiscard]] size_t value(Field field) const { return values_[field]; }
  [[nodiscard]] bool has_passes() const;  // the memory test counts them
  void turn(int by);

  std::array<uint8_t, kFields> values_{};
  size_t chosen_ = 0;
};

}  // namespace loader
