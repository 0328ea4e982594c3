// The serial ports the console is shown on; loader/serial/uart.h says what they do.
#pragma once

#include <cstdint>

#include "kernel/x86/clock.h"
#include "kernel/x86/ports.h"
#include "loader/serial/uart.h"

namespace kernel::x86 {

struct SerialPorts {
  uint16_t base = 0;

  [[nodiscard]] uint8_t read(unsigned reg) const { return in8(static_cast<uint16_t>(base + reg)); }
  void write(unsigned reg, uint8_t value) const { out8(static_cast<uint16_t>(base + reg), value); }
  [[nodiscard]] static uint64_t microseconds() { return waiting_clock(); }
};

using Serial = loader::Uart<SerialPorts>;

}  // namespace kernel::x86
