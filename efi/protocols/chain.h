// Starting another UEFI program from the volume Baton was started from (UEFI 2.10 section 7.4).
#pragma once

#include <string_view>

#include "efi/files.h"
#include "efi/firmware.h"
#include "mm/result.h"

namespace efi {

// Loads and starts a program with these load options. Comes back when it ends, with an error when
// it could not be started or says that it failed. With Secure Boot on the firmware, or shim, verifies
// it in the memory that `volume` was read into, and what was verified is what runs. `path` is
// NUL-terminated and the error's subject.
mm::Result<> start_program(const Firmware& firmware, const Volume& volume, const char* path,
                           std::string_view options);

}  // namespace efi
