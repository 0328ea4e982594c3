#include "kernel/scan_codes.h"

#include <array>

namespace kernel {
namespace {

// Set 1 (IBM PC/AT technical reference), by code: without and with shift. 0: no character.
constexpr std::string_view kPlain(
    "\0\0"
    "1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ",
    0x3a);
constexpr std::string_view kShifted(
    "\0\0"
    "!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ",
    0x3a);
static_assert(kPlain[0x10] == 'q' && kPlain[0x1e] == 'a' && kPlain[0x2c] == 'z');
static_assert(kPlain[0x39] == ' ' && kPlain[0x35] == '/' && kShifted[0x28] == '"');

enum Code : uint8_t {
  kEscape = 0x01,
  kEnter = 0x1c,
  kControl = 0x1d,
  kLeftShift = 0x2a,
  kSlash = 0x35,
  kRightShift = 0x36,
  kCapsLock = 0x3a,
  kNumLock = 0x45,
  kKeypad = 0x47,  // 7 8 9 - 4 5 6 + 1 2 3 0 .
  kKeypadEnd = 0x53,
};
constexpr std::string_view kKeypadKeys = "789-456+1230.";
// The same keys without Num Lock, and the keys of their own that send them behind 0xe0.
constexpr std::array<std::string_view, 13> kCursorKeys{
    "\x1b[H", "\x1b[A", "\x1b[5~", "-",       "\x1b[D",  "",       "\x1b[C",
    "+",      "\x1b[F", "\x1b[B",  "\x1b[6~", "\x1b[2~", "\x1b[3~"};

// Set 2 to set 1, by code, as keyboard controllers translate; 0: no key of ours.
constexpr std::array<uint8_t, 0x84> kFromSet2 = [] {
  std::array<uint8_t, 0x84> table{};
  struct Pair {
    uint8_t set2, set1;
  };
  constexpr Pair kPairs[] = {
      {0x0d, 0x0f}, {0x0e, 0x29}, {0x11, 0x38}, {0x12, 0x2a}, {0x14, 0x1d}, {0x15, 0x10},
      {0x16, 0x02}, {0x1a, 0x2c}, {0x1b, 0x1f}, {0x1c, 0x1e}, {0x1d, 0x11}, {0x1e, 0x03},
      {0x21, 0x2e}, {0x22, 0x2d}, {0x23, 0x20}, {0x24, 0x12}, {0x25, 0x05}, {0x26, 0x04},
      {0x29, 0x39}, {0x2a, 0x2f}, {0x2b, 0x21}, {0x2c, 0x14}, {0x2d, 0x13}, {0x2e, 0x06},
      {0x31, 0x31}, {0x32, 0x30}, {0x33, 0x23}, {0x34, 0x22}, {0x35, 0x15}, {0x36, 0x07},
      {0x3a, 0x32}, {0x3b, 0x24}, {0x3c, 0x16}, {0x3d, 0x08}, {0x3e, 0x09}, {0x41, 0x33},
      {0x42, 0x25}, {0x43, 0x17}, {0x44, 0x18}, {0x45, 0x0b}, {0x46, 0x0a}, {0x49, 0x34},
      {0x4a, 0x35}, {0x4b, 0x26}, {0x4c, 0x27}, {0x4d, 0x19}, {0x4e, 0x0c}, {0x52, 0x28},
      {0x54, 0x1a}, {0x55, 0x0d}, {0x58, 0x3a}, {0x59, 0x36}, {0x5a, 0x1c}, {0x5b, 0x1b},
      {0x5d, 0x2b}, {0x66, 0x0e}, {0x69, 0x4f}, {0x6b, 0x4b}, {0x6c, 0x47}, {0x70, 0x52},
      {0x71, 0x53}, {0x72, 0x50}, {0x73, 0x4c}, {0x74, 0x4d}, {0x75, 0x48}, {0x76, 0x01},
      {0x77, 0x45}, {0x79, 0x4e}, {0x7a, 0x51}, {0x7b, 0x4a}, {0x7c, 0x37}, {0x7d, 0x49}};
  for (const Pair& pair : kPairs) table[pair.set2] = pair.set1;
  return table;
}();

constexpr bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

}  // namespace

std::string_view ScanDecoder::key(uint8_t code, bool pressed, bool extended) {
  switch (code) {
    case kLeftShift:
      if (!extended) left_shift_ = pressed;  // behind 0xe0 it is a shadow of another key
      return {};
    case kRightShift:
      if (!extended) right_shift_ = pressed;
      return {};
    case kControl:
      control_ = pressed;
      return {};
    default:
      break;
  }
  if (!pressed) return {};
  if (code == kCapsLock) caps_lock_ = !caps_lock_;
  if (code == kNumLock) num_lock_ = !num_lock_;
  if (code == kEscape) return one('\x03');
  if (code >= kKeypad && code <= kKeypadEnd) {
    const auto at = static_cast<size_t>(code - kKeypad);
    return extended || !num_lock_ ? kCursorKeys[at] : one(kKeypadKeys[at]);
  }
  if (code >= kPlain.size() || (extended && code != kEnter && code != kSlash)) return {};
  const char plain = kPlain[code];
  if (plain == 0) return {};
  const bool shift = (left_shift_ || right_shift_) != (caps_lock_ && is_letter(plain));
  const char c = shift && !extended ? kShifted[code] : plain;
  if (control_ && is_letter(c)) return one(static_cast<char>(c & 0x1f));
  return one(c);
}

std::string_view ScanDecoder::take(uint8_t byte) {
  if (byte == 0xe0) {
    extended_ = true;
    return {};
  }
  if (byte == 0xe1) {  // Pause: two codes follow that mean nothing by themselves
    skip_ = 2;
    return {};
  }
  if (set_ == 2 && byte == 0xf0) {
    released_ = true;
    return {};
  }
  const bool extended = extended_;
  const bool pressed = set_ == 2 ? !released_ : (byte & 0x80) == 0;
  extended_ = released_ = false;
  if (skip_ != 0) {
    --skip_;
    return {};
  }
  if (set_ == 2) {
    const uint8_t code = byte < kFromSet2.size() ? kFromSet2[byte] : uint8_t{0};
    return code == 0 ? std::string_view() : key(code, pressed, extended);
  }
  return key(byte & 0x7f, pressed, extended);
}

}  // namespace kernel
