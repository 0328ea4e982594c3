// A keyboard's reports of the boot protocol (HID 1.11, appendix B.1) as characters: what keys went
// down or up since the last report becomes scan codes of set 1, and those what kernel/scan_codes.h
// makes of them. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/scan_codes.h"

namespace kernel::usb {

// Characters that were typed and not read yet.
class TypedKeys {
 public:
  // What one report, or one key that is held, can become: six keys of four characters, and more.
  static constexpr size_t kMostAtOnce = 32;

  [[nodiscard]] bool has_room() const { return kSize - (end_ - start_) >= kMostAtOnce; }
  void put(std::string_view text);
  std::optional<char> take();

 private:
  static constexpr size_t kSize = 256;
  std::array<char, kSize> text_{};
  size_t start_ = 0, end_ = 0;  // characters ever taken, and put
};

class BootKeyboard {
 public:
  static constexpr size_t kReportBytes = 8;
  // As PS/2 keyboards begin: a key that is held comes again after half a second, then 10.9 times in
  // one.
  static constexpr uint64_t kFirstRepeat = 500'000, kNextRepeat = 91'743;

  // `now`: microseconds. A report that is shorter, or says that too many keys are down, changes
  // nothing.
  void take(std::span<const uint8_t> report, uint64_t now, TypedKeys& out);
  // The key that is held, when it is time.
  void repeat(uint64_t now, TypedKeys& out);

 private:
  void change(uint8_t usage, bool pressed, TypedKeys& out);

  ScanDecoder decoder_;
  std::array<uint8_t, kReportBytes> last_{};
  uint8_t held_ = 0;  // the key that went down last; 0: none that repeats
  uint64_t due_ = 0;
};

}  // namespace kernel::usb
