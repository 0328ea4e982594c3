// UEFI variables and the firmware's clock after exit (UEFI 2.10 sections 8.2 and 8.3), through the
// runtime services; each architecture defines how they are called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "loader/handoff/efi_guid.h"
#include "loader/handoff/handoff.h"
#include "mm/result.h"

namespace kernel {

struct VariableName {
  static constexpr size_t kMaxLength = 31;
  const char16_t* name;  // NUL-terminated
  loader::EfiGuid vendor;
  const char* called;  // for errors
};

struct FirmwareTime {
  uint16_t year = 0;
  uint8_t month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

namespace arch {

inline constexpr size_t kMaxVariable = 4096;  // bytes of a variable we read or write

// Reads a variable into `out`; its size, or nothing when there is no such variable.
mm::Result<std::optional<size_t>> get_variable(const loader::Handoff& handoff,
                                               const VariableName& variable,
                                               std::span<uint8_t> out);
// Writes a non-volatile variable, or deletes it where there is no content. Fails when little room would be left: some firmware does not
// start any more when its variables fill the flash (Linux keeps 5 KiB free for that reason).
mm::Result<> set_variable(const loader::Handoff& handoff, const VariableName& variable,
                          std::span<const uint8_t> content);
mm::Result<FirmwareTime> firmware_time(const loader::Handoff& handoff);

}  // namespace arch
}  // namespace kernel
