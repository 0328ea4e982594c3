// USB keyboards, for whoever waits for keys: those at xHCI controllers, which are found and started
// when first somebody could type, and are polled from then on by who waits.
#pragma once

#include <optional>

#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

// Finds the machine's controllers, starts those that are driven, and looks for keyboards: some tenths
// of a second. Says what is there and what is wrong in the log. Once; `machine` outlives it.
void open_usb(Booted& machine);
// How many keyboards are there now.
[[nodiscard]] size_t usb_keyboards();
// The next character typed, if any. Waits only when something was plugged in or out.
std::optional<char> read_usb();
// Whether lines were printed since it was asked last: what stood there is to be shown again.
[[nodiscard]] bool told_of_usb();
// For the monitor: controllers, what is plugged in, and how much memory they have.
void print_usb(const mm::Printer& out);

}  // namespace kernel
