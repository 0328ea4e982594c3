// A keyboard at an i8042 controller, or at what stands in for one (firmware makes USB keyboards
// look so on many machines). Polled; interrupts stay off. Nothing waits for ever.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernel/scan_codes.h"

namespace kernel::x86 {

class Keyboard {
 public:
  // Whether a keyboard answers. Leaves it sending; does not reset it.
  bool open();
  [[nodiscard]] bool alive() const { return alive_; }
  // The next character typed, if any.
  std::optional<char> read();

 private:
  bool alive_ = false;
  ScanDecoder decoder_;
  char pending_[8] = {};  // of a key that is several characters
  uint8_t pending_count_ = 0, pending_at_ = 0;
};

}  // namespace kernel::x86
