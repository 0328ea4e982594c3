// gfp: what an allocation may do, where it may come from, and what it will be used for.
//
// Bits and combinations are Linux 6.1's (include/linux/gfp_types.h), so that a failure report reads
// the same. Bits that only matter to parts of Linux that are not here (reclaim, accounting, tags)
// are carried and printed.
#pragma once

#include <array>
#include <cstdint>

#include "mm/layout.h"
#include "mm/pageblock.h"
#include "mm/print.h"

namespace mm {

class Gfp {
 public:
  constexpr Gfp() = default;
  constexpr explicit Gfp(uint32_t bits) : bits_(bits) {}
  [[nodiscard]] constexpr uint32_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool has(Gfp flags) const { return (bits_ & flags.bits_) != 0; }
  [[nodiscard]] constexpr bool has_all(Gfp flags) const {
    return (bits_ & flags.bits_) == flags.bits_;
  }
  friend constexpr Gfp operator|(Gfp a, Gfp b) { return Gfp{a.bits_ | b.bits_}; }
  friend constexpr Gfp operator-(Gfp a, Gfp b) { return Gfp{a.bits_ & ~b.bits_}; }
  friend constexpr bool operator==(Gfp, Gfp) = default;

 private:
  uint32_t bits_ = 0;
};

inline constexpr Gfp kGfpFlagDma{0x01};
inline constexpr Gfp kGfpFlagHighMem{0x02};
inline constexpr Gfp kGfpFlagDma32{0x04};
inline constexpr Gfp kGfpFlagMovable{0x08};
inline constexpr Gfp kGfpFlagReclaimable{0x10};
inline constexpr Gfp kGfpFlagHigh{0x20};  // may use half of what is kept below the min watermark
inline constexpr Gfp kGfpFlagIo{0x40};
inline constexpr Gfp kGfpFlagFs{0x80};
inline constexpr Gfp kGfpFlagZero{0x100};  // the frames are filled with zeroes
inline constexpr Gfp kGfpFlagAtomic{0x200};
inline constexpr Gfp kGfpFlagDirectReclaim{0x400};  // the caller may wait: the shortage hook runs
inline constexpr Gfp kGfpFlagKswapdReclaim{0x800};
inline constexpr Gfp kGfpFlagWrite{0x1000};
inline constexpr Gfp kGfpFlagNoWarn{0x2000};  // no failure report
inline constexpr Gfp kGfpFlagRetryMayfail{0x4000};
inline constexpr Gfp kGfpFlagNoFail{0x8000};
inline constexpr Gfp kGfpFlagNoRetry{0x10000};
inline constexpr Gfp kGfpFlagMemAlloc{0x20000};  // no watermarks at all
inline constexpr Gfp kGfpFlagComp{0x40000};
inline constexpr Gfp kGfpFlagNoMemAlloc{0x80000};
inline constexpr Gfp kGfpFlagHardwall{0x100000};
inline constexpr Gfp kGfpFlagThisNode{0x200000};  // only the preferred node
inline constexpr Gfp kGfpFlagAccount{0x400000};

inline constexpr Gfp kGfpFlagReclaim = kGfpFlagDirectReclaim | kGfpFlagKswapdReclaim;
inline constexpr Gfp kGfpAtomic = kGfpFlagHigh | kGfpFlagAtomic | kGfpFlagKswapdReclaim;
inline constexpr Gfp kGfpKernel = kGfpFlagReclaim | kGfpFlagIo | kGfpFlagFs;
inline constexpr Gfp kGfpNoWait = kGfpFlagKswapdReclaim;
inline constexpr Gfp kGfpUser = kGfpKernel | kGfpFlagHardwall;
inline constexpr Gfp kGfpDma = kGfpFlagDma;
inline constexpr Gfp kGfpDma32 = kGfpFlagDma32;
inline constexpr Gfp kGfpHighUser = kGfpUser | kGfpFlagHighMem;
inline constexpr Gfp kGfpHighUserMovable = kGfpHighUser | kGfpFlagMovable;

// The highest zone the allocation may come from; lower ones are allowed too. DMA, DMA32 and HIGHMEM
// exclude each other; MOVABLE goes with any, and together with HIGHMEM allows the Movable zone.
// Where a machine has no such zone, the next lower one that exists serves.
[[nodiscard]] constexpr bool gfp_zone_ok(Gfp gfp) {
  const uint32_t selector = gfp.bits() & 0x7;
  return (selector & (selector - 1)) == 0;
}
[[nodiscard]] constexpr ZoneType gfp_zone(Gfp gfp) {
  // Four bits of answer for each value of the low four bits of gfp.
  static_assert(kZoneTypes <= 16);
  constexpr uint64_t kTable = [] {
    uint64_t table = 0;
    for (const ZoneTraits& zone : kZoneTraits) {
      for (uint32_t bits = 0; bits < 16; ++bits) {
        const bool asks = (zone.asked_by >> bits & 1) != 0;
        if (asks) table |= static_cast<uint64_t>(zone.type) << (bits * 4);
      }
    }
    return table;
  }();
  return static_cast<ZoneType>((kTable >> ((gfp.bits() & 0xf) * 4)) & 0xf);
}

// MOVABLE and RECLAIMABLE exclude each other.
[[nodiscard]] constexpr bool gfp_type_ok(Gfp gfp) {
  return !gfp.has_all(kGfpFlagMovable | kGfpFlagReclaimable);
}
[[nodiscard]] constexpr Migratetype gfp_migratetype(Gfp gfp) {
  return static_cast<Migratetype>((gfp.bits() >> 3) & 3);
}

// Both of the above at once.
[[nodiscard]] constexpr bool gfp_ok(Gfp gfp) {
  constexpr uint32_t kGood = [] {
    uint32_t good = 0;
    for (uint32_t bits = 0; bits < 32; ++bits) {
      if (gfp_zone_ok(Gfp{bits}) && gfp_type_ok(Gfp{bits})) good |= uint32_t{1} << bits;
    }
    return good;
  }();
  return (kGood >> (gfp.bits() & 31) & 1) != 0;
}

// What the low bits of a gfp say, all at once: the highest zone, or kNoGfpZone when they contradict
// each other.
inline constexpr uint32_t kGfpLowBits = 32;
inline constexpr auto kNoGfpZone = static_cast<ZoneType>(0xff);
inline constexpr std::array<ZoneType, kGfpLowBits> kGfpZones = [] {
  std::array<ZoneType, kGfpLowBits> zones{};
  for (uint32_t bits = 0; bits < kGfpLowBits; ++bits) {
    zones[bits] = gfp_ok(Gfp{bits}) ? gfp_zone(Gfp{bits}) : kNoGfpZone;
  }
  return zones;
}();

// "GFP_KERNEL|__GFP_ZERO", as Linux's %pGg; bits without a name follow as 0x....
void print_gfp(const Printer& out, Gfp gfp);

}  // namespace mm
