// A 16550 UART at an I/O port. Nothing here waits for ever: a port that is not there, or that stops
// taking characters, is given up at the first time-out and costs nothing from then on.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kernel::x86 {

inline constexpr uint16_t kCom1 = 0x3f8;

class Serial {
 public:
  // 8N1 with FIFOs at `baud` (a divisor of 115200; 0: whatever the firmware set). Returns false
  // when nothing answers there.
  bool open(uint16_t port, uint32_t baud);
  void write(std::string_view text);  // '\n' goes out as CR LF
  std::optional<char> read();

  [[nodiscard]] bool alive() const { return alive_; }
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  void put(char c);

  uint16_t port_ = 0;
  bool alive_ = false;
};

}  // namespace kernel::x86
