// Variables by which Baton leaves something to its next start, or to the system it starts (UEFI 2.10
// section 8.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "efi/firmware.h"
#include "loader/handoff/report_variable.h"
#include "mm/result.h"

namespace efi {

struct OwnVariable {
  const char16_t* name;
  const char* called;  // the subject of errors
  loader::EfiGuid vendor = loader::kReportVendor;
};

// Reads it into `out`; its size, or nothing when there is none. A firmware without variables, of which
// there are some, has none.
mm::Result<std::optional<size_t>> read_variable(const Firmware& firmware,
                                                const OwnVariable& variable,
                                                std::span<uint8_t> out);
enum class Lasts : uint8_t { ForGood, UntilReset };
mm::Result<> write_variable(const Firmware& firmware, const OwnVariable& variable,
                            std::span<const uint8_t> content, Lasts lasts = Lasts::ForGood);
mm::Result<> delete_variable(const Firmware& firmware, const OwnVariable& variable);

}  // namespace efi
