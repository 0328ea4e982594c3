// The PC: what mm/platform.h asks of it.
#pragma once

#include "mm/platform.h"
#include "mm/x86_64/e820_trim.h"

namespace mm {

// DMA to 16 MiB, DMA32 to 4 GiB, Normal above; with so many levels of page tables. It trims what
// mm/x86_64/e820_trim.h says.
[[nodiscard]] Platform x86_64_platform(unsigned paging_levels = 4);

// Under a 32-bit kernel: DMA to 16 MiB, Normal to where lowmem ends, HighMem above.
[[nodiscard]] Platform ia32_platform(Phys end_of_low, unsigned paging_levels = 4);

}  // namespace mm
