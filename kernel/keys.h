// Who types: serial consoles, the PS/2 keyboard, and USB keyboards.
#pragma once

#include <optional>

#include "kernel/arch.h"
#include "kernel/booted.h"

namespace kernel {

// Whether a PS/2 keyboard answers; it is looked for once.
[[nodiscard]] bool open_ps2_keyboard();
// Whether USB keyboards are to be looked for: somebody may sit at a screen, and nothing forbids it.
[[nodiscard]] bool wants_usb(const Booted& machine);
// All keyboards, for whoever looks for a key while something else runs.
void open_keyboards(Booted& machine);

// The next character, typed on a serial console or any keyboard. Never waits for one.
std::optional<arch::Typed> read_key();

}  // namespace kernel
