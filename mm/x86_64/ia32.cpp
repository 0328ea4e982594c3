#include "mm/x86_64/ia32.h"

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

}  // namespace mm
