#include "kernel/x86_64/serial.h"

#include "kernel/x86_64/ports.h"

namespace kernel::x86 {
namespace {

// Registers, National Semiconductor PC16550D.
constexpr uint16_t kData = 0, kInterrupts = 1, kFifo = 2, kLineControl = 3, kModemControl = 4,
                   kLineStatus = 5, kScratch = 7;
constexpr uint8_t kReceived = 0x01, kTransmitterFree = 0x20;

// A read of a port takes about a microsecond on real machines, a character at 9600 baud a
// millisecond: this waits a good tenth of a second, far longer than a FIFO needs to drain.
constexpr unsigned kPatience = 200'000;

}  // namespace

bool Serial::open(uint16_t port, uint32_t baud) {
  port_ = port;
  alive_ = false;
  if (in8(port_ + kLineStatus) == 0xff) return false;
  out8(port_ + kScratch, 0x5a);
  if (in8(port_ + kScratch) != 0x5a) return false;

  out8(port_ + kInterrupts, 0);
  if (baud != 0) {
    const auto divisor = static_cast<uint16_t>(115200 / baud);
    out8(port_ + kLineControl, 0x80);
    out8(port_ + kData, static_cast<uint8_t>(divisor));
    out8(port_ + kInterrupts, static_cast<uint8_t>(divisor >> 8));
  }
  out8(port_ + kLineControl, 0x03);
  out8(port_ + kFifo, 0x01);
  out8(port_ + kModemControl, 0x03);  // DTR and RTS: somebody is here
  alive_ = true;
  return true;
}

void Serial::put(char c) {
  for (unsigned tries = 0; (in8(port_ + kLineStatus) & kTransmitterFree) == 0; ++tries) {
    if (tries == kPatience) {
      alive_ = false;
      return;
    }
  }
  out8(port_ + kData, static_cast<uint8_t>(c));
}

void Serial::write(std::string_view text) {
  for (const char c : text) {
    if (!alive_) return;
    if (c == '\n') put('\r');
    if (alive_) put(c);
  }
}

std::optional<char> Serial::read() {
  if (!alive_) return std::nullopt;
  const uint8_t status = in8(port_ + kLineStatus);
  if (status == 0xff || (status & kReceived) == 0) return std::nullopt;
  return static_cast<char>(in8(port_ + kData));
}

}  // namespace kernel::x86
