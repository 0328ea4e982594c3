// Starting another UEFI program from the volume Baton was started from (UEFI 2.10 section 7.4).
#pragma once

#include <string_view>

#include "efi/firmware.h"
#include "mm/result.h"

namespace efi {

// Whether the path (printable ASCII, / or backslash) is the file our own image was loaded from.
[[nodiscard]] bool is_our_path(const Firmware& firmware, std::string_view path);

// Loads and starts a program with these load options. Comes back when it ends, with an error when
// it could not be started or says that it failed. `path` is NUL-terminated and the error's subject.
mm::Result<> start_program(const Firmware& firmware, const char* path, std::string_view options);

}  // namespace efi
