// The first serial port, by our own hand: for what must be said when the firmware can no longer be
// asked to say it. loader/serial/uart.h says how long a port that is not read may hold us up.
#pragma once

#include <cstdint>
#include <string_view>

#include "efi/x86_64/cpu.h"
#include "loader/serial/uart.h"
#include "mm/print.h"

namespace efi {

class Com1 {
 public:
  Com1() = default;
  Com1(const Com1&) = delete;
  Com1& operator=(const Com1&) = delete;

  [[nodiscard]] mm::Printer printer() { return {&Com1::sink, this}; }
  // Without a printer between: for when printing itself may be what broke.
  void say(std::string_view text) { sink(this, text); }
  // Waits for what was said to be on its way.
  void drain() { uart_.drain(); }

 private:
  struct Ports {
    [[nodiscard]] static uint8_t read(unsigned reg) { return read_port(port(reg)); }
    static void write(unsigned reg, uint8_t value) { write_port(port(reg), value); }
    // The TSC's rate is not known here: few run slower than 1 GHz, and at 5 GHz a fifth of the time
    // is still long enough.
    [[nodiscard]] static uint64_t microseconds() { return read_tsc() / 1000; }

   private:
    static uint16_t port(unsigned reg) { return static_cast<uint16_t>(loader::kCom1 + reg); }
  };

  static void sink(void* self, std::string_view text);

  loader::Uart<Ports> uart_;
  // Only when something is to be said, as the firmware's last words may still be on their way out.
  bool tried_ = false;
};

}  // namespace efi
