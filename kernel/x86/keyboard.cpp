#include "kernel/x86/keyboard.h"

#include "kernel/x86/ports.h"

namespace kernel::x86 {
namespace {

// IBM PS/2 technical reference, keyboard controller.
constexpr uint16_t kData = 0x60, kStatus = 0x64, kCommand = 0x64;
constexpr uint8_t kOutputFull = 0x01, kInputFull = 0x02, kFromMouse = 0x20;
constexpr uint8_t kReadConfig = 0x20, kWriteConfig = 0x60, kDisableFirst = 0xad,
                  kEnableFirst = 0xae, kDisableSecond = 0xa7;
constexpr uint8_t kConfigInterrupts = 0x03, kConfigFirstOff = 0x10, kConfigTranslate = 0x40;
// To the keyboard.
constexpr uint8_t kEnable = 0xf4, kScanCodeSet = 0xf0, kAcknowledged = 0xfa, kAgain = 0xfe;

// A read of a port takes about a microsecond: a keyboard answers within 20 ms.
constexpr unsigned kPatience = 50'000;

bool wait_for(uint8_t bit, bool set) {
  for (unsigned i = 0; i < kPatience; ++i) {
    if (((in8(kStatus) & bit) != 0) == set) return true;
  }
  return false;
}

bool command(uint8_t byte) {
  if (!wait_for(kInputFull, false)) return false;
  out8(kCommand, byte);
  return true;
}

bool data(uint8_t byte) {
  if (!wait_for(kInputFull, false)) return false;
  out8(kData, byte);
  return true;
}

std::optional<uint8_t> answer() {
  if (!wait_for(kOutputFull, true)) return std::nullopt;
  return in8(kData);
}

// What lies there from before means nothing to us. A controller that is not there never empties.
bool drain() {
  for (unsigned i = 0; i < 64; ++i) {
    if ((in8(kStatus) & kOutputFull) == 0) return true;
    in8(kData);
  }
  return false;
}

bool tell(uint8_t byte) {
  for (unsigned tries = 0; tries < 3; ++tries) {
    if (!data(byte)) return false;
    const auto said = answer();
    if (!said) return false;
    if (*said == kAcknowledged) return true;
    if (*said != kAgain) drain();  // a key that was pressed meanwhile
  }
  return false;
}

// Whether what arrives is of set 2, or else of set 1. Keyboards start in set 2, of which
// controllers make set 1 when translation is on.
bool sends_set_2(bool translated) {
  if (translated || !tell(kScanCodeSet) || !tell(0)) return false;
  return answer() == uint8_t{2};
}

}  // namespace

bool Keyboard::open() {
  alive_ = false;
  if (in8(kStatus) == 0xff) return false;
  if (!command(kDisableFirst) || !command(kDisableSecond) || !drain()) return false;
  if (!command(kReadConfig)) return false;
  const auto config = answer();
  if (!config) return false;
  const auto wanted =
      static_cast<uint8_t>((*config & ~(kConfigInterrupts | kConfigFirstOff)) | kConfigTranslate);
  if (!command(kWriteConfig) || !data(wanted) || !command(kReadConfig)) return false;
  const auto became = answer();
  if (!became || !command(kEnableFirst) || !drain()) return false;
  if (!tell(kEnable)) return false;
  decoder_.use_set(sends_set_2((*became & kConfigTranslate) != 0) ? 2 : 1);
  drain();
  alive_ = true;
  return true;
}

std::optional<char> Keyboard::read() {
  if (!alive_) return std::nullopt;
  while (pending_at_ == pending_count_) {
    const uint8_t status = in8(kStatus);
    if (status == 0xff || (status & kOutputFull) == 0) return std::nullopt;
    const uint8_t byte = in8(kData);
    if ((status & kFromMouse) != 0) continue;
    const std::string_view text = decoder_.take(byte);
    pending_at_ = pending_count_ = 0;
    for (const char c : text) pending_[pending_count_++] = c;
  }
  return pending_[pending_at_++];
}

}  // namespace kernel::x86
