// What the machine has that is hard to guess (UEFI 2.10 section 37.5, EFI_RNG_PROTOCOL). Only before exit.
#pragma once

#include "efi/firmware.h"
#include "loader/kaslr.h"

namespace efi {

// From the firmware's generator, the CPU's, and the time at which each answers.
[[nodiscard]] loader::RandomPool gather_randomness(const Firmware& firmware, uint64_t tsc_entry);

}  // namespace efi
