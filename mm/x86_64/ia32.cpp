#include "mm/x86_64/ia32.h"

#include <algorithm>

namespace mm {

Result<> reserve_ia32_low(EarlyRes& reservations, const Ia32LowMemory& low) {
  BATON_TRY(reservations.reserve({Phys{0}, Phys{kPageSize}}, "BIOS PAGE 0"));
  const struct {
    Range range;
    const char* name;
  } kept[] = {{low.ebda, "EBDA"},
              {low.trampoline, "TRAMPOLINE"},
              {low.acpi_wakeup, "ACPI WAKEUP"},
              {low.smp_config, "SMP CONFIG"}};
  for (const auto& [range, name] : kept) {
    if (!range.empty()) BATON_TRY(reservations.reserve(range, name));
  }
  return {};
}

void print_lowmem(Pfn last_pfn, Pfn max_low, const Printer& out) {
  max_low = std::min(max_low, last_pfn);
  const auto mib = [](uint64_t pages) { return pages * kPageSize / kMiB; };
  out.line("{}MB HIGHMEM available.", mib(last_pfn - max_low));
  out.line("{}MB LOWMEM available.", mib(max_low.v));
  out.line("  mapped low ram: 0 - {:08x}", phys(max_low));
  out.line("  low ram: 0 - {:08x}", phys(max_low));
}

}  // namespace mm
