// The first serial port, by our own hand: for what must be said when the firmware can no longer be
// asked to say it. loader/serial/uart.h says how long a port that is not read may hold us up.
#pragma once

#include <string_view>

#include "efi/arch.h"
#include "loader/serial/uart.h"
#include "mm/print.h"

namespace efi {

class FirstSerial {
 public:
  FirstSerial() = default;
  FirstSerial(const FirstSerial&) = delete;
  FirstSerial& operator=(const FirstSerial&) = delete;

  [[nodiscard]] mm::Printer printer() { return {&FirstSerial::sink, this}; }
  // Without a printer between: for when printing itself may be what broke.
  void say(std::string_view text) { sink(this, text); }
  // Waits for what was said to be on its way.
  void drain() { uart_.drain(); }

 private:
  static void sink(void* self, std::string_view text);

  loader::Uart<FirstSerialRegisters> uart_;
  // Only when something is to be said, as the firmware's last words may still be on their way out.
  bool tried_ = false;
};

}  // namespace efi
