// The PC: what mm/platform.h asks of it.
#pragma once

#include "mm/platform.h"
#include "mm/x86_64/e820_trim.h"

namespace mm {

inline constexpr Phys kIsaDmaEnd{16 * kMiB};  // what the ISA bus can address

// DMA to 16 MiB, DMA32 to 4 GiB, Normal above; with so many levels of page tables. It trims what
// mm/x86_64/e820_trim.h says.
[[nodiscard]] Platform x86_64_platform(unsigned paging_levels = 4);

}  // namespace mm
