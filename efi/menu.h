// The boot menu on the firmware's console, screen or serial: \loader\entries\*.conf and
// \loader\loader.conf as the Boot Loader Specification has them.
#pragma once

#include "efi/configuration.h"
#include "efi/files.h"
#include "efi/firmware.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

// With more than one entry, and unless whoever started us chose already (load options), lets a
// person choose; at the end of the countdown the default entry is chosen. An entry of our own
// program replaces the configuration's options by its own, where it has any; another program is
// started, and when it comes back the menu is shown again. What is odd about the files is named in
// `findings`.
mm::Result<> choose_entry(const Firmware& firmware, const Volume& volume,
                          Configuration& configuration, const mm::Printer& findings);

}  // namespace efi
