// The first serial port, by our own hand: for what must be said when the firmware can no longer be
// asked to say it. A missing port, or one that never gets ready, costs a bounded time and nothing
// else.
#pragma once

#include <cstdint>
#include <string_view>

#include "mm/print.h"

namespace efi {

class Com1 {
 public:
  Com1() = default;
  Com1(const Com1&) = delete;
  Com1& operator=(const Com1&) = delete;

  [[nodiscard]] mm::Printer printer() { return {&Com1::sink, this}; }

 private:
  static void sink(void* self, std::string_view text);
  // 115200 baud, 8 data bits, no parity, 1 stop bit, no interrupts. Only when something is to be
  // said, as the firmware's last words may still be on their way out.
  void set_up();
  void put(char c);

  enum class State : uint8_t { Untouched, Ready, Dead } state_ = State::Untouched;
};

}  // namespace efi
