// The seam between mm and a platform: what the relay has to know of the machines of one kind.
//
// The kinds that there are stand below, each defined in its architecture's folder. Nothing else in
// mm/ knows any.
#pragma once

#include <span>

#include "mm/e820.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/trims.h"
#include "mm/types.h"
#include "mm/zones.h"

namespace mm {

struct TrimFacts {
  Pfn max_pfn;      // Platform's
  Phys reach;       // no RAM from here on is used
  Phys end_of_low;  // Platform's
  // Frames that the CPU does not cache: ascending runs, of which one that goes on to the end of the
  // address space ends with RAM.
  std::span<const PfnRange> uncached;
};

struct Platform {
  // Which zones there are, and where they end.
  ZoneLimits zones;
  // The first frame that page tables cannot map.
  Pfn max_pfn = pfn_down(Phys{kMaxPhys});
  // Where HighMem begins, which no direct map reaches.
  Phys end_of_low{kMaxPhys};
  // Station `trim`: takes away from the usable memory what the platform keeps or cannot use. Null:
  // the platform has no such station.
  Result<Trims> (*trim)(E820Table& e820, const TrimFacts& facts, const Printer& out) = nullptr;
  // Whether 128 MiB below 4 GiB are kept for 32-bit DMA while there is RAM above: Linux's
  // dma32_reserve_bootmem, which is x86-64's alone.
  bool keeps_dma32 = false;
};

// A PC with so many levels of page tables: DMA to 16 MiB, DMA32 to 4 GiB, Normal above. It trims
// what mm/x86_64/e820_trim.h says.
[[nodiscard]] Platform x86_64_platform(unsigned paging_levels = 4);
// A 64-bit Arm machine, as Linux' arm64 has it: DMA to 4 GiB, DMA32 empty, Normal above. Only
// RAM that is out of reach is trimmed.
[[nodiscard]] Platform aarch64_platform();
// A PC under a 32-bit kernel: DMA to 16 MiB, Normal to where lowmem ends, HighMem above.
[[nodiscard]] Platform ia32_platform(Phys end_of_low, unsigned paging_levels = 4);
// ARM: Normal to where lowmem ends, HighMem above. What it keeps is reserved by name, so
// only RAM that is out of reach is trimmed.
[[nodiscard]] Platform arm_platform(Phys end_of_low);

}  // namespace mm
