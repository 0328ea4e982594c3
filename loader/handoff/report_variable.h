// The UEFI variable in which a run's report waits for the next start of Baton. Both sides of the
// jump, and two starts that may be of different versions, must agree on this.
#pragma once

#include <cstddef>
#include <cstdint>

#include "loader/handoff/efi_guid.h"

namespace loader {

inline constexpr const char16_t* kReportVariable = u"BatonReport";
// {9f1c6a52-3f0e-4a7b-8a49-6d1b2c9e5d70}.
inline constexpr EfiGuid kReportVendor{
    0x9f1c6a52, 0x3f0e, 0x4a7b, {0x8a, 0x49, 0x6d, 0x1b, 0x2c, 0x9e, 0x5d, 0x70}};

// The variable's content: this, and the summary's text behind it without a NUL.
struct ReportHead {
  static constexpr uint32_t kMagic = 0x504e5442;  // "BTNP", little endian
  static constexpr uint16_t kVersion = 1;

  uint32_t magic = kMagic;
  uint16_t version = kVersion;
  uint16_t length = 0;  // of the text, bytes
  // When the run ended, by the firmware's clock; year 0: it has none.
  uint16_t year = 0;
  uint8_t month = 0, day = 0, hour = 0, minute = 0, second = 0;
  uint8_t zero = 0;
};
static_assert(sizeof(ReportHead) == 16);

// Small on purpose: flash for variables is, and every byte of it wears.
inline constexpr size_t kMaxReportText = 1200;
inline constexpr size_t kMaxReport = sizeof(ReportHead) + kMaxReportText;

}  // namespace loader
