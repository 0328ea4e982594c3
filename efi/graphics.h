// The screen as the firmware left it (UEFI 2.10 section 12.9). Only before exit.
#pragma once

#include "efi/firmware.h"
#include "loader/handoff/handoff.h"

namespace efi {

// The linear framebuffer to be drawn on (loader/framebuffer_choice.h), of all graphics outputs
// there are; address 0 when none can be written without the firmware, and then `out` is told why.
[[nodiscard]] loader::HandoffFramebuffer find_framebuffer(const Firmware& firmware,
                                                          const mm::Printer& out);

}  // namespace efi
