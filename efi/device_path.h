// Device paths of files (UEFI 2.10 section 10.3).
#pragma once

#include <string_view>

#include "efi/firmware.h"
#include "efi/memory.h"
#include "mm/result.h"

namespace efi {

// Whether the path (printable ASCII, / or backslash) is the file our own image was loaded from.
[[nodiscard]] bool is_our_path(const Firmware& firmware, std::string_view path);

// The whole device path of a file on the volume Baton was started from, printable ASCII with / or
// backslash between names. `path` is NUL-terminated and the error's subject.
mm::Result<Pages> device_path_of(const Firmware& firmware, const char* path);

}  // namespace efi
