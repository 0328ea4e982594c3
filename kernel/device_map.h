// Registers of devices that the loader did not map, where the direct map would have them if it went
// on: page by page, not cached, and for good.
#pragma once

#include "kernel/booted.h"
#include "mm/result.h"
#include "mm/types.h"

namespace kernel {

// The address at which a range of registers can be used from here on by the CPU that asks; others
// may have to load their tables anew. Fails where RAM is or something else that is cached, where the
// kernel has no addresses for it, and without memory for tables.
mm::Result<uintptr_t> map_device(Booted& machine, mm::Range registers);

// Whether the page was mapped by that.
[[nodiscard]] bool is_mapped_device(mm::Phys page);

}  // namespace kernel
