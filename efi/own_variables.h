// The variables in which a run leaves what the next start writes to the ESP (UEFI 2.10 section 8.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "efi/firmware.h"
#include "mm/result.h"

namespace efi {

struct OwnVariable {
  const char16_t* name;
  const char* called;  // the subject of errors
};

// Reads it into `out`; its size, or nothing when there is none. A firmware without variables, of which
// there are some, has none.
mm::Result<std::optional<size_t>> read_variable(const Firmware& firmware,
                                                const OwnVariable& variable,
                                                std::span<uint8_t> out);
// Non-volatile.
mm::Result<> write_variable(const Firmware& firmware, const OwnVariable& variable,
                            std::span<const uint8_t> content);
mm::Result<> delete_variable(const Firmware& firmware, const OwnVariable& variable);

}  // namespace efi
