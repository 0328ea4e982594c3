#include "kernel/usb/boot_keyboard.h"

#include <algorithm>

namespace kernel::usb {
namespace {

constexpr size_t kFirstKey = 2;  // in a report: behind modifiers and a byte that is kept free
constexpr uint8_t kTooManyKeys = 0x01, kFirstUsage = 0x04;
constexpr uint8_t kCapsLock = 0x39, kNumLock = 0x53, kLeftControl = 0xe0;

// HID Usage Tables 1.3, section 10 (keyboard page), from 0x04 on: scan codes of set 1; with 0x100
// those behind 0xe0; 0: no key of ours.
constexpr uint16_t kE = 0x100;
constexpr std::array<uint16_t, 0x60> kScanCodes{
    // a to z
    0x1e, 0x30, 0x2e, 0x20, 0x12, 0x21, 0x22, 0x23, 0x17, 0x24, 0x25, 0x26, 0x32, 0x31, 0x18, 0x19,
    0x10, 0x13, 0x1f, 0x14, 0x16, 0x2f, 0x11, 0x2d, 0x15, 0x2c,
    // 1 to 0
    0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
    // Enter, Escape, Backspace, Tab, space, - = [ ] \ (twice) ; ' ` , . / Caps Lock
    0x1c, 0x01, 0x0e, 0x0f, 0x39, 0x0c, 0x0d, 0x1a, 0x1b, 0x2b, 0x2b, 0x27, 0x28, 0x29, 0x33, 0x34,
    0x35, 0x3a,
    // F1 to F12
    0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x57, 0x58,
    // Print, Scroll Lock, Pause, Insert, Home, Page Up, Delete, End, Page Down, cursor keys
    kE | 0x37, 0x46, 0, kE | 0x52, kE | 0x47, kE | 0x49, kE | 0x53, kE | 0x4f, kE | 0x51, kE | 0x4d,
    kE | 0x4b, kE | 0x50, kE | 0x48,
    // Num Lock and the keypad: / * - + Enter 1 to 9, 0 .
    0x45, kE | 0x35, 0x37, 0x4a, 0x4e, kE | 0x1c, 0x4f, 0x50, 0x51, 0x4b, 0x4c, 0x4d, 0x47, 0x48,
    0x49, 0x52, 0x53};
static_assert(kScanCodes[0x1d - kFirstUsage] == 0x2c);         // z
static_assert(kScanCodes[0x39 - kFirstUsage] == 0x3a);         // Caps Lock
static_assert(kScanCodes[0x52 - kFirstUsage] == (kE | 0x48));  // up
static_assert(kScanCodes[0x63 - kFirstUsage] == 0x53);         // the keypad's last

// 0xe0 to 0xe7, the bits of a report's first byte: Control, Shift, Alt, and the key with a flag.
constexpr std::array<uint16_t, 8> kModifiers{0x1d,      0x2a, 0x38,      kE | 0x5b,
                                             kE | 0x1d, 0x36, kE | 0x38, kE | 0x5c};

uint16_t scan_code(uint8_t usage) {
  if (usage >= kLeftControl) {
    const auto at = static_cast<size_t>(usage - kLeftControl);
    return at < kModifiers.size() ? kModifiers[at] : uint16_t{0};
  }
  const auto at = static_cast<size_t>(usage - kFirstUsage);
  return usage >= kFirstUsage && at < kScanCodes.size() ? kScanCodes[at] : uint16_t{0};
}

bool repeats(uint8_t usage) { return usage != kCapsLock && usage != kNumLock; }

template <class Keys>
bool holds(const Keys& keys, uint8_t usage) {
  return std::find(keys.begin() + kFirstKey, keys.begin() + BootKeyboard::kReportBytes, usage) !=
         keys.begin() + BootKeyboard::kReportBytes;
}

}  // namespace

void TypedKeys::put(std::string_view text) {
  for (const char c : text) text_[end_++ % kSize] = c;
}

std::optional<char> TypedKeys::take() {
  if (start_ == end_) return std::nullopt;
  return text_[start_++ % kSize];
}

void BootKeyboard::change(uint8_t usage, bool pressed, TypedKeys& out) {
  const uint16_t code = scan_code(usage);
  if (code == 0) return;
  if ((code & kE) != 0) out.put(decoder_.take(0xe0));
  const auto byte = static_cast<uint8_t>((code & 0x7f) | (pressed ? 0 : 0x80));
  out.put(decoder_.take(byte));
}

void BootKeyboard::take(std::span<const uint8_t> report, uint64_t now, TypedKeys& out) {
  if (report.size() < kReportBytes || report[kFirstKey] == kTooManyKeys) return;
  report = report.first(kReportBytes);
  for (unsigned bit = 0; bit < 8; ++bit) {
    if (((report[0] ^ last_[0]) >> bit & 1) == 0) continue;
    change(static_cast<uint8_t>(kLeftControl + bit), (report[0] >> bit & 1) != 0, out);
  }
  for (size_t i = kFirstKey; i < kReportBytes; ++i) {
    if (last_[i] == 0 || holds(report, last_[i])) continue;
    change(last_[i], false, out);
    if (held_ == last_[i]) held_ = 0;
  }
  for (size_t i = kFirstKey; i < kReportBytes; ++i) {
    if (report[i] == 0 || holds(last_, report[i])) continue;
    change(report[i], true, out);
    held_ = repeats(report[i]) ? report[i] : uint8_t{0};
    due_ = now + kFirstRepeat;
  }
  std::copy(report.begin(), report.end(), last_.begin());
}

void BootKeyboard::repeat(uint64_t now, TypedKeys& out) {
  if (held_ == 0 || now < due_) return;
  change(held_, true, out);
  due_ = now + kNextRepeat;
}

}  // namespace kernel::usb
