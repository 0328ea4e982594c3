// What a PC keyboard sends, as characters: scan code sets 1 and 2, US layout. Pure.
//
// Keys without a character become what terminals send for them (ESC [ A for the cursor key up, and
// so on), so that whoever reads characters needs to know one language only. Escape itself becomes
// Ctrl-C: a lone ESC could not be told from the beginning of a sequence.
#pragma once

#include <cstdint>
#include <string_view>

namespace kernel {

class ScanDecoder {
 public:
  // 1, or 2 for codes that no keyboard controller has translated.
  void use_set(unsigned set) { set_ = set; }

  // Takes a byte of the keyboard's; what it means is valid until the next call, and often nothing.
  std::string_view take(uint8_t byte);

 private:
  std::string_view key(uint8_t code, bool pressed, bool extended);
  std::string_view one(char c) {
    character_ = c;
    return {&character_, 1};
  }

  unsigned set_ = 1;
  unsigned skip_ = 0;      // codes of Pause still to come
  bool extended_ = false;  // behind 0xe0
  bool released_ = false;  // behind 0xf0, set 2
  bool left_shift_ = false, right_shift_ = false, control_ = false, caps_lock_ = false;
  bool num_lock_ = true;
  char character_ = 0;
};

}  // namespace kernel
