// Watermarks, lowmem reserves and the sizes of per-CPU lists: the part of mm/page_alloc.h that is
// Linux 6.1's arithmetic (mm/page_alloc.c: __setup_per_zone_wmarks, setup_per_zone_lowmem_reserve,
// calculate_min_free_kbytes, calculate_totalreserve_pages, zone_batchsize, zone_highsize).
#include <algorithm>
#include <bit>

#include "mm/page_alloc.h"

namespace mm {
namespace {

// Watermarks are this many ten-thousandths of the zone apart, at least. watermark_scale_factor.
constexpr uint64_t kWatermarkScale = 10;
constexpr uint64_t kSwapClusterMax = 32;

uint64_t integer_root(uint64_t v) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit != 0; bit >>= 1) {
    if ((root + bit) * (root + bit) <= v) root += bit;
  }
  return root;
}

// v * num / den without overflow for v up to 2^52.
uint64_t fraction(uint64_t v, uint64_t num, uint64_t den) {
  return v / den * num + v % den * num / den;
}

uint64_t& mark(Zone& zone, Watermark which) { return zone.watermark[static_cast<size_t>(which)]; }

int32_t batch_size(const Zone& zone, PageSets sets) {
  // A thousandth of the zone, a MiB at most (4.14: half of one); a quarter of that, as frees in a
  // row (4.14: `high`) raise it again.
  const uint64_t most = (sets == PageSets::Linux414 ? kMiB / 2 : kMiB) / kPageSize;
  uint64_t batch = std::min(zone.managed >> 10, most) / 4;
  batch = std::max<uint64_t>(batch, 1);
  // 2^n - 1, which spreads over cache colours better than 2^n.
  return static_cast<int32_t>(std::bit_floor(batch + batch / 2) - 1);
}

// How many pageblocks each of so many CPUs may keep: together an eighth of the zone (Linux since 6.7).
int32_t huge_limit(const Zone& zone, unsigned cpus) {
  const uint64_t share = zone.managed / (8 * kPageblockFrames) / cpus;
  return static_cast<int32_t>(std::min<uint64_t>(share, kPcpHugeMost));
}

// A stripe for each CPU, but of two words of 64 pageblocks at least, and of one in each GiB.
uint32_t stripes(const Zone& zone, unsigned cpus) {
  const uint64_t words = zone.spanned.size() / (FreeMap::kWordUnits * kPageblockFrames);
  return static_cast<uint32_t>(std::clamp<uint64_t>(words / 2, 1, std::min(cpus, Stripe::kMost)));
}

}  // namespace

AllocRights alloc_rights(Gfp gfp, unsigned order) {
  AllocRights rights;
  rights.min_reserve = gfp.has(kGfpFlagHigh);
  if (!gfp.has(kGfpFlagDirectReclaim) && !gfp.has(kGfpFlagNoMemAlloc)) {
    rights.non_block = true;
    rights.high_atomic = order > 0 && rights.min_reserve;
  }
  rights.no_watermarks = gfp.has(kGfpFlagMemAlloc) && !gfp.has(kGfpFlagNoMemAlloc);
  return rights;
}

bool watermark_ok(const Zone& zone, unsigned order, uint64_t mark, ZoneType highest,
                  const AllocRights& rights, uint64_t free) {
  auto min = static_cast<int64_t>(mark);
  auto usable = static_cast<int64_t>(free) - static_cast<int64_t>(frames_of(order) - 1);
  if (!rights.reserves()) {
    usable -= static_cast<int64_t>(uint64_t{zone.nr_reserved_highatomic});
  } else if (rights.min_reserve) {
    min -= min / 2;
    if (rights.non_block) min -= min / 4;
  }
  if (usable <= min + static_cast<int64_t>(zone.lowmem_reserve[highest])) {
    return false;
  }
  if (order == 0) return true;
  uint32_t orders = zone.nonempty_giga;
  for (unsigned type = 0; type < kPcpMigratetypes; ++type) {
    orders |= zone.nonempty[type];
  }
  if (rights.high_atomic) {
    constexpr auto kHighAtomic = static_cast<size_t>(Migratetype::HighAtomic);
    orders |= zone.nonempty[kHighAtomic];
  }
  return orders >> order != 0;
}

void PageAllocatorCore::update_choices(Zone& zone) {
  const uint64_t low = mark(zone, Watermark::Low) + zone.nr_reserved_highatomic;
  for (size_t bits = 0; bits < kChoices; ++bits) {
    Choice& choice = zone.node->choices[bits];
    if (choice.zone != &zone || choice.mark == kNoChoice) continue;
    choice.mark = low + zone.lowmem_reserve[kGfpZones[bits]];
  }
}

void PageAllocatorCore::compute_watermarks(uint64_t min_free_kbytes) {
  uint64_t low_pages = 0;
  uint64_t buffer_pages = 0;  // that an ordinary allocation on the boot node can have
  for_each_zone([&](const Zone& zone) {
    if (traits(zone.type).lowmem) low_pages += zone.managed;
  });
  for (const Zone* zone : nodes_[cpu_node(0)]->fallback_zones()) {
    const uint64_t high = zone->watermark[static_cast<size_t>(Watermark::High)];
    if (zone->type <= ZoneType::Normal && zone->managed > high)
      buffer_pages += zone->managed - high;
  }
  min_free_kbytes_ = min_free_kbytes;
  if (min_free_kbytes == 0) {
    const uint64_t kbytes = buffer_pages * (kPageSize / kKiB);
    min_free_kbytes_ = std::clamp<uint64_t>(integer_root(kbytes * 16), 128, 262144);
  }

  const uint64_t pages_min = min_free_kbytes_ / (kPageSize / kKiB);
  for_each_zone([&](Zone& zone) {
    const uint64_t share = low_pages == 0 ? 0 : pages_min * zone.managed / low_pages;
    mark(zone, Watermark::Min) =
        traits(zone.type).lowmem ? share
                                 : std::clamp<uint64_t>(zone.managed / 1024, kSwapClusterMax, 128);
    const uint64_t step = std::max(share / 4, fraction(zone.managed, kWatermarkScale, 10000));
    mark(zone, Watermark::Low) = mark(zone, Watermark::Min) + step;
    mark(zone, Watermark::High) = mark(zone, Watermark::Low) + step;
    mark(zone, Watermark::Promo) = mark(zone, Watermark::High) + step;
  });

  totalreserve_pages_ = 0;
  for (size_t id = 0; id < node_count_; ++id) {
    for (Zone& zone : nodes_[id]->zones) {
      const uint64_t ratio = traits(zone.type).lowmem_reserve_ratio;
      uint64_t above = 0;
      uint64_t reserve = 0;
      for (const Zone& other : nodes_[id]->zones) {
        if (other.type <= zone.type) continue;
        above += other.managed;
        const bool clear = ratio == 0 || zone.managed == 0;
        zone.lowmem_reserve[other.type] = clear ? 0 : above / ratio;
        reserve = std::max(reserve, zone.lowmem_reserve[other.type]);
      }
      totalreserve_pages_ +=
          std::min<uint64_t>(reserve + mark(zone, Watermark::High), zone.managed);
      if (zone.populated) update_choices(zone);
    }
  }
}

void PageAllocatorCore::compute_pcp_limits() {
  for_each_zone([&](Zone& zone) {
    const unsigned sharing = std::max(zone.node->cpus != 0 ? zone.node->cpus : online_, 1U);
    const int32_t size = batch_size(zone, page_sets_);
    const int32_t batch = std::max(size, 1);
    // Together the CPUs' lists stay below the low watermark, so that they do not start a shortage.
    const auto split = static_cast<int32_t>(mark(zone, Watermark::Low) / sharing);
    zone.pcp_batch = batch;
    zone.pcp_high = page_sets_ == PageSets::Linux414 ? 6 * size : std::max(split, batch * 4);
    zone.pcp_huge_high = huge_limit(zone, sharing);
    zone.stripes = stripes(zone, sharing);
  });
}

void PageAllocatorCore::adopt_pcp_limits() {
  pagesets_ready_ = true;
  compute_pcp_limits();
  for (unsigned cpu = 0; cpu < cpus_; ++cpu) {
    if (!cpu_online(cpu)) continue;
    for_each_zone([&](const Zone& zone) { adopt_limits(pcp_of(cpu, zone), zone); });
  }
}

void PageAllocatorCore::adopt_limits(Pcp& pcp, const Zone& zone) {
  const int32_t high = zone.pcp_high;
  const int32_t huge_high = zone.pcp_huge_high;
  pcp.room += high - pcp.high;
  pcp.high = high;
  pcp.batch = zone.pcp_batch;
  pcp.huge_room += huge_high - pcp.huge_high;
  pcp.huge_high = huge_high;
}

}  // namespace mm
