// Our own GDT and IDT, from exit to the kernel's first steps.
#pragma once

#include "efi/firmware.h"
#include "loader/handoff/handoff.h"

namespace efi {

// From now on nothing of the firmware's descriptor tables is used, and a CPU exception is told as
// last words instead of running handlers whose firmware is gone; on a stack of its own, so that a
// bad stack is no silent reset. That holds until the kernel loads its own tables: its code selector
// is ours, and its page tables map our image too. Both arguments must live on.
void take_over_descriptors(const Firmware& firmware, const loader::HandoffFramebuffer& framebuffer);

}  // namespace efi
