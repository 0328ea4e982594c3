#include "mm/x86_64/ia32.h"

#include <algorithm>

#include "mm/x86_64/platform.h"

namespace mm {

Platform ia32_platform(Phys end_of_low, unsigned paging_levels) {
  Platform pc = x86_64_platform(paging_levels);
  pc.zones = {};
  pc.zones.add(ZoneType::Dma, std::min(kIsaDmaEnd, end_of_low));
  pc.zones.add(ZoneType::Normal, end_of_low);
  pc.zones.add(ZoneType::HighMem, ZoneLimits::kEndOfRam);
  pc.zones.add(ZoneType::Movable, ZoneLimits::kEndOfRam);
  return pc;
}

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

}  // namespace mm
