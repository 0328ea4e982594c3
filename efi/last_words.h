// What is said when the firmware can neither be gone back to nor asked to print.
#pragma once

#include "efi/firmware.h"
#include "loader/handoff/handoff.h"
#include "mm/result.h"

namespace efi {

// Tells the error on the first serial port and on the screen by our own code, leaves it there for
// some seconds, and resets the machine.
[[noreturn]] void last_words(const Firmware& firmware,
                             const loader::HandoffFramebuffer& framebuffer, const mm::Error& error);

}  // namespace efi
