// A PC under a 32-bit kernel. Linux's arch/x86/kernel/setup_32.c of 2.6.2x.
#pragma once

#include "mm/early_res.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"

namespace mm {

// With 3 GiB for programs: 1 GiB less 128 MiB for vmalloc and fixed mappings.
inline constexpr uint64_t kIa32Lowmem = 896 * kMiB;

// setup_bootmem_allocator: page 0, which is the BIOS's, the extended BIOS data area, and what the
// configuration needs: the page of the trampoline that starts other CPUs, the page ACPI wakes up
// through, and the SMP configuration table. Empty ranges are not there. e820 may call any of them
// usable. Fails when one overlaps what is reserved already.
struct Ia32LowMemory {
  Range ebda;
  Range trampoline;
  Range acpi_wakeup;
  Range smp_config;
};
Result<> reserve_ia32_low(EarlyRes& reservations, const Ia32LowMemory& low);

// Linux 6.1's lines of initmem_init() and find_low_pfn_range() (arch/x86/mm/init_32.c): MiB of
// highmem and lowmem, holes included, and where lowmem ends.
void print_lowmem(Pfn last_pfn, Pfn max_low, const Printer& out);

}  // namespace mm
