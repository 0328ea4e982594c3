// A 16550 UART (National Semiconductor PC16550D), 8N1, over whatever reaches its registers. Pure:
// loader and kernel give it registers and a clock, tests a pretended one.
//
// Nothing here waits for ever, and somebody who does not read costs little. What is waited for the
// transmitter is paid from a purse of kPatience, into which each character that goes out pays
// kEarned; so all waiting together is at most kPatience and kEarned for every character that got
// through. While the purse is empty, a character that finds the transmitter busy is dropped and
// counted at once. The next look at a transmitter that is free tells how many were lost, before
// anything else goes out. Receiving depends on none of this.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "mm/print.h"

namespace loader {

// Where a PC has its first one.
inline constexpr uint16_t kCom1 = 0x3f8;

// Registers, their bits, and how long is waited for them.
struct UartFacts {
  // Of microseconds. A FIFO of 16 characters at 1200 baud is empty after 133 ms; a virtual
  // machine's reader may be kept from its CPU for longer.
  static constexpr uint64_t kPatience = 1'000'000;
  // A character at 1200 baud takes 8.3 ms.
  static constexpr uint64_t kEarned = 10'000;

  static constexpr unsigned kData = 0, kInterrupts = 1, kFifo = 2, kLineControl = 3,
                            kModemControl = 4, kLineStatus = 5, kModemStatus = 6, kScratch = 7;
  static constexpr uint8_t kDivisorLatch = 0x80, k8n1 = 0x03, kDtrRts = 0x03;
  // Read from kFifo: FIFOs are on, and work. An empty one takes so many characters unasked.
  static constexpr uint8_t kHasFifo = 0xc0;
  static constexpr unsigned kFifoSize = 16;
  static constexpr uint8_t kReceived = 0x01, kFree = 0x20, kAllSent = 0x40;
  static constexpr uint8_t kNobody = 0xff;  // what an empty bus reads as
  // For a clock that stands still: a look takes about a microsecond on a PC.
  static constexpr unsigned kMaxLooks = 10 * kPatience;
};

// Ports: uint8_t read(unsigned reg), void write(unsigned reg, uint8_t value), and
// uint64_t microseconds(), of any origin.
template <class Ports>
class Uart : public UartFacts {
 public:
  constexpr Uart() = default;
  constexpr explicit Uart(const Ports& ports) : ports_(ports) {}

  // FIFOs on, no interrupts, at `baud` (a divisor of 115200; 0: whatever it was set to). False when
  // no UART answers: then nothing is ever sent or received, and costs nothing.
  bool open(uint32_t baud) {
    open_ = false;
    if (!is_there()) return false;
    ports_.write(kInterrupts, 0);
    if (baud != 0) {
      const auto divisor = static_cast<uint16_t>(115200 / baud);
      ports_.write(kLineControl, kDivisorLatch);
      ports_.write(kData, static_cast<uint8_t>(divisor));
      ports_.write(kInterrupts, static_cast<uint8_t>(divisor >> 8));
    }
    ports_.write(kLineControl, k8n1);
    ports_.write(kFifo, 1);
    depth_ = (ports_.read(kFifo) & kHasFifo) == kHasFifo ? kFifoSize : 1;
    ports_.write(kModemControl, kDtrRts);  // somebody is here
    open_ = true;
    refresh();
    return true;
  }
  [[nodiscard]] bool is_open() const { return open_; }

  // '\n' goes out as CR LF.
  void write(std::string_view text) {
    if (!open_) return;
    while (!text.empty()) {
      if (lost_ == 0) text.remove_prefix(fill(text.substr(0, room_)));
      if (text.empty()) return;
      const char c = text.front();
      text.remove_prefix(1);
      const bool sent = all_told() && (c != '\n' || send('\r')) && send(c);
      if (!sent) ++lost_;
    }
  }

  std::optional<char> read() {
    if (!open_) return std::nullopt;
    const uint8_t status = ports_.read(kLineStatus);
    if (status != kNobody && (status & kReceived) != 0) {
      return static_cast<char>(ports_.read(kData));
    }
    const bool owed = lost_ != 0;
    if (all_told() && owed) told_ = true;
    return std::nullopt;
  }
  // Whether read() has told of a loss since this was last asked: nothing was under way that would
  // have gone on behind the notice, and whoever draws a prompt draws it again.
  [[nodiscard]] bool take_told() { return std::exchange(told_, false); }

  // As patient again as at first: for what must be said, and is the last.
  void refresh() {
    purse_ = kPatience;
    room_ = 0;
  }

  // Waits until the last character has left the machine, as far as the purse goes.
  void drain() {
    if (open_) (void)wait_for(kAllSent);
  }

  [[nodiscard]] uint64_t lost() const { return lost_; }

 private:
  // What was written may linger on a bus to which nobody is connected, so something else is written
  // before it is read back. The oldest chips have no scratch register, but loop back.
  [[nodiscard]] bool is_there() {
    if (ports_.read(kLineStatus) == kNobody) return false;
    ports_.write(kScratch, 0x5a);
    ports_.write(kInterrupts, 0);
    if (ports_.read(kScratch) == 0x5a) return true;
    constexpr uint8_t kLoopRtsOut2 = 0x1a, kCtsDcd = 0x90;
    const uint8_t before = ports_.read(kModemControl);
    ports_.write(kModemControl, kLoopRtsOut2);
    const bool loops = (ports_.read(kModemStatus) & 0xf0) == kCtsDcd;
    ports_.write(kModemControl, before);
    return loops;
  }

  [[nodiscard]] bool is(uint8_t bit) { return (ports_.read(kLineStatus) & bit) != 0; }

  bool wait_for(uint8_t bit) {
    if (is(bit)) return true;
    if (purse_ == 0) return false;
    const uint64_t start = ports_.microseconds();
    uint64_t waited = 0;
    for (unsigned looks = 0; waited < purse_ && looks < kMaxLooks; ++looks) {
      const bool done = is(bit);
      waited = ports_.microseconds() - start;
      if (!done) continue;
      purse_ -= std::min(waited, purse_);
      return true;
    }
    purse_ = 0;
    return false;
  }

  // What there is room for, as far as the line goes; how much that was.
  size_t fill(std::string_view text) {
    size_t count = 0;
    for (; count < text.size() && text[count] != '\n'; ++count) {
      ports_.write(kData, static_cast<uint8_t>(text[count]));
    }
    if (count != 0) earn(count, true);
    return count;
  }

  void earn(size_t count, bool mid_line) {
    room_ -= static_cast<unsigned>(count);
    purse_ = std::min(purse_ + count * kEarned, kPatience);
    mid_line_ = mid_line;
  }

  bool send(char c) {
    if (room_ == 0) {
      if (!wait_for(kFree)) return false;
      room_ = depth_;
    }
    ports_.write(kData, static_cast<uint8_t>(c));
    earn(1, c != '\n');
    return true;
  }

  // Whether what was lost has been told, if anything was. Told in part, it is told once more.
  bool all_told() {
    if (lost_ == 0) return true;
    if (!wait_for(kFree)) return false;
    char notice[80];
    const size_t length = mm::format(notice, "{}[serial port: {} characters lost, nobody read]\r\n",
                                     mid_line_ ? "\r\n" : "", lost_);
    for (const char c : std::string_view(notice, std::min(length, sizeof notice - 1))) {
      if (!send(c)) return false;
    }
    lost_ = 0;
    return true;
  }

  Ports ports_{};
  bool open_ = false;
  bool mid_line_ = false;
  bool told_ = false;
  unsigned depth_ = 1;  // characters that a free transmitter takes
  unsigned room_ = 0;   // that it takes yet
  uint64_t purse_ = 0;  // microseconds
  uint64_t lost_ = 0;   // characters
};

}  // namespace loader
