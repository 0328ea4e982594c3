// What a PC takes away from the usable memory its firmware reports, before anything is placed.
//
// Linux 6.1's arch/x86/kernel/setup.c (trim_bios_range), e820.c (e820_end_pfn) and
// cpu/mtrr/cleanup.c (mtrr_trim_uncached_memory), with its lines.
// What was taken is remembered by name for the ledger.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mm/e820.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/trims.h"
#include "mm/types.h"

namespace mm {

// What is taken, as the ledger names it.
inline constexpr const char* kPageZero = "page 0";     // [0, 4 KiB): the BIOS's; becomes reserved
inline constexpr const char* kBiosHole = "BIOS hole";  // [640 KiB, 1 MiB): removed in any case
inline constexpr const char* kUncached = "MTRR";  // not cached, as MTRRs have it; becomes reserved

// The first frame Linux does not use: 64 TiB with four levels of page tables, 4 PiB with five; 64 GiB
// with the three of physical address extension, 4 GiB with two.
[[nodiscard]] constexpr Pfn max_arch_pfn(unsigned paging_levels) {
  if (paging_levels < 4) return Pfn{uint64_t{1} << ((paging_levels == 3 ? 36 : 32) - kPageShift)};
  return Pfn{uint64_t{1} << ((paging_levels >= 5 ? 52 : 46) - kPageShift)};
}

// Prints `e820: update [mem 0x00000000-0x00000fff] usable ==> reserved`,
// `e820: remove [mem 0x000a0000-0x000fffff] usable`, and another such line when there is RAM above
// `max_arch`.
Result<Trims> trim_bios_range(E820Table& e820, Pfn max_arch, const Printer& out);

// Makes reserved what is usable in `uncovered`, frames that MTRRs do not make write-back: ascending
// runs, of which one that goes on to the end of the address space ends with RAM. Linux 6.1's
// mtrr_trim_uncached_memory with its lines: an `e820: update` for each run, and when RAM was lost
// `WARNING: BIOS bug: CPU MTRRs don't cover all of memory, losing 250MB of RAM.` and the map.
// Unlike Linux it takes nothing, and says so, where less than 32 MiB would be left.
Result<> trim_uncached(E820Table& e820, std::span<const PfnRange> uncovered, Trims& trims,
                       const Printer& out);

// End of usable RAM in whole frames, printed as `last_pfn = 0x... max_arch_pfn = 0x...`.
Pfn print_last_pfn(const E820Table& e820, Pfn max_arch, const Printer& out);
// The same of what is below 4 GiB, when there is RAM above.
void print_last_low_pfn(const E820Table& e820, Pfn max_arch, const Printer& out);

}  // namespace mm
