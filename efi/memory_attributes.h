// What a firmware that protects memory must be told before code runs in pages that it has given
// (EFI_MEMORY_ATTRIBUTE_PROTOCOL, UEFI 2.10 section 37.7; Microsoft asks for that under NX_COMPAT).
#pragma once

#include "efi/firmware.h"
#include "mm/result.h"
#include "mm/types.h"

namespace efi {

// Whole pages become executable, and read-only, so that they may not be given back: true. Without the
// protocol, which older firmware does not have, nothing is protected, and nothing done: false.
mm::Result<bool> make_executable(const Firmware& firmware, mm::Range pages);

}  // namespace efi
