#include "mm/platform.h"

#include "mm/unreachable.h"

namespace mm {

Platform aarch64_platform() {
  // What four levels of page tables leave for the direct map, as on x86-64.
  constexpr Phys kDirectMapEnd{uint64_t{1} << 46};
  Platform arm{.zones = {}, .max_pfn = pfn_down(kDirectMapEnd), .trim = trim_unreachable};
  arm.zones.add(ZoneType::Dma, Phys{4 * kGiB});
  arm.zones.add(ZoneType::Dma32, Phys{4 * kGiB});
  arm.zones.add(ZoneType::Normal, ZoneLimits::kEndOfRam);
  arm.zones.add(ZoneType::Movable, ZoneLimits::kEndOfRam);
  return arm;
}

}  // namespace mm
