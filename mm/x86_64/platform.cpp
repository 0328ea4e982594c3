#include "mm/platform.h"

#include <algorithm>

#include "mm/x86_64/e820_trim.h"
#include "mm/x86_64/ia32.h"

namespace mm {
namespace {

constexpr Phys kIsaDmaEnd{16 * kMiB};  // what the ISA bus can address

Result<Trims> trim_pc(E820Table& e820, const TrimFacts& facts, const Printer& out) {
  const Pfn max_pfn = facts.max_pfn;
  Trims trims = BATON_TRY(trim_bios_range(e820, std::min(max_pfn, pfn_down(facts.reach)), out));
  print_last_pfn(e820, max_pfn, out);
  BATON_TRY(trim_uncached(e820, facts.uncached, trims, out));
  if (trims.bytes_of(text_of(kUncached)) != 0) print_last_pfn(e820, max_pfn, out);
  print_last_low_pfn(e820, max_pfn, out);
  return trims;
}

Result<Trims> trim_ia32(E820Table& e820, const TrimFacts& facts, const Printer& out) {
  const Trims trims = BATON_TRY(trim_pc(e820, facts, out));
  print_lowmem(e820.last_pfn(), pfn_down(facts.end_of_low), out);
  return trims;
}

}  // namespace

Platform x86_64_platform(unsigned paging_levels) {
  Platform pc{
      .zones = {}, .max_pfn = max_arch_pfn(paging_levels), .trim = trim_pc, .keeps_dma32 = true};
  pc.zones.add(ZoneType::Dma, kIsaDmaEnd);
  pc.zones.add(ZoneType::Dma32, Phys{4 * kGiB});
  pc.zones.add(ZoneType::Normal, ZoneLimits::kEndOfRam);
  pc.zones.add(ZoneType::Movable, ZoneLimits::kEndOfRam);
  pc.zones.zones.device = true;
  return pc;
}

Platform ia32_platform(Phys end_of_low, unsigned paging_levels) {
  Platform pc = x86_64_platform(paging_levels);
  pc.trim = trim_ia32;
  pc.keeps_dma32 = false;
  pc.zones = {};
  pc.end_of_low = end_of_low;
  pc.zones.add(ZoneType::Dma, std::min(kIsaDmaEnd, end_of_low));
  pc.zones.add(ZoneType::Normal, end_of_low);
  pc.zones.add(ZoneType::HighMem, ZoneLimits::kEndOfRam);
  pc.zones.add(ZoneType::Movable, ZoneLimits::kEndOfRam);
  return pc;
}

}  // namespace mm
