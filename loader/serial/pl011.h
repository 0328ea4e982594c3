// An Arm PrimeCell UART (PL011, DDI 0183; SBSA's generic UART is a part of it), as loader::Uart wants
// it: what is asked of a 16550's registers is answered from its own. Its speed and the form of its
// characters stay as the firmware set them. Pure.
#pragma once

#include <cstdint>

#include "loader/serial/uart.h"

namespace loader {

// Memory: uint32_t read(unsigned offset), void write(unsigned offset, uint32_t value), and
// uint64_t microseconds(), of any origin.
template <class Memory>
class Pl011Ports {
 public:
  constexpr Pl011Ports() = default;
  constexpr explicit Pl011Ports(const Memory& memory) : memory_(memory) {}

  [[nodiscard]] uint8_t read(unsigned reg) {
    if (reg == UartFacts::kData) return static_cast<uint8_t>(memory_.read(kData));
    // Nothing that is not there can be asked: who names the port has made sure of it.
    if (reg == UartFacts::kScratch) return scratch_;
    if (reg != UartFacts::kLineStatus) return 0;
    const uint32_t flags = memory_.read(kFlags);
    unsigned status = 0;
    if ((flags & kReceiveEmpty) == 0) status |= UartFacts::kReceived;
    if ((flags & kTransmitFull) == 0) status |= UartFacts::kFree;
    if ((flags & kTransmitEmpty) != 0 && (flags & kBusy) == 0) status |= UartFacts::kAllSent;
    return static_cast<uint8_t>(status);
  }

  void write(unsigned reg, uint8_t value) {
    switch (reg) {
      case UartFacts::kData:
        if (!divisor_) memory_.write(kData, value);
        break;
      case UartFacts::kInterrupts:
        if (!divisor_) memory_.write(kInterruptMask, 0);
        break;
      case UartFacts::kLineControl:
        divisor_ = (value & UartFacts::kDivisorLatch) != 0;
        break;
      case UartFacts::kModemControl:
        memory_.write(kControl, memory_.read(kControl) | kEnable | kSend | kReceive);
        break;
      case UartFacts::kScratch:
        scratch_ = value;
        break;
      default:
        break;
    }
  }

  [[nodiscard]] uint64_t microseconds() { return memory_.microseconds(); }

 private:
  static constexpr unsigned kData = 0x00, kFlags = 0x18, kControl = 0x30, kInterruptMask = 0x38;
  static constexpr uint32_t kBusy = 1u << 3, kReceiveEmpty = 1u << 4, kTransmitFull = 1u << 5,
                            kTransmitEmpty = 1u << 7;
  static constexpr uint32_t kEnable = 1, kSend = 1u << 8, kReceive = 1u << 9;

  Memory memory_{};
  bool divisor_ = false;  // what would be data sets a 16550's speed
  uint8_t scratch_ = 0;
};

}  // namespace loader
