// The step from the firmware's world into the kernel's.
#pragma once

#include <cstdint>

#include "loader/world.h"
#include "loader/x86_64/page_tables.h"
#include "mm/types.h"

namespace efi {

// Where our code lies, which goes on running while page tables change under it.
[[nodiscard]] mm::Range our_text();

// Enters the kernel as loader/handoff/handoff.h says. Interrupts are off; `stack` is the range its
// stack grows down in; `entry` is virtual.
[[noreturn]] void enter_kernel(const loader::World& world, uint64_t entry, mm::Range stack,
                               const loader::PagingFeatures& paging);

}  // namespace efi
