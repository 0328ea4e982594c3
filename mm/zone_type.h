// The kinds of zones: a word and a row each.
//
// A new kind is its word in ZoneType and its row in kZoneTraits; everything else goes by them. A
// platform that has such a zone says where it ends (ZoneLimits in mm/zones.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace mm {

// In the order of their addresses, which is Linux's, and of fallback: who may have memory of one
// may have that of those before it.
enum class ZoneType : uint8_t { Dma, Dma32, Normal, HighMem, Movable };

// What says where a zone ends.
enum class ZoneEnd : uint8_t {
  Platform,  // ZoneLimits: an address, the end of what the kernel maps, or of RAM
  Options,   // kernelcore=, movablecore= or movable_node take it from the ends of the others
};

struct ZoneTraits {
  ZoneType type;
  const char* name;
  ZoneEnd end;
  // One page in so many of the zones behind is kept from those who could use these; 0: none is.
  // Linux's lowmem_reserve_ratio.
  uint32_t lowmem_reserve_ratio;
  // Whether the kernel maps it for good: then it has its share of min_free_kbytes.
  bool lowmem;
  // Whose low four bits of a gfp (DMA, HIGHMEM, DMA32, MOVABLE) ask for it: bit n for the value n.
  uint16_t asked_by;
  uint32_t colour;  // in pictures: 0xRRGGBB
};

constexpr uint16_t gfp_bits(auto... values) {
  return static_cast<uint16_t>(((1u << values) | ...));
}

// clang-format off
inline constexpr ZoneTraits kZoneTraits[] = {
  // type              name       end                ratio lowmem  asked by            colour
  {ZoneType::Dma,     "DMA",     ZoneEnd::Platform,  256,  true,  gfp_bits(0x1, 0x9), 0xecba48},
  {ZoneType::Dma32,   "DMA32",   ZoneEnd::Platform,  256,  true,  gfp_bits(0x4, 0xc), 0x60a4f0},
  {ZoneType::Normal,  "Normal",  ZoneEnd::Platform,   32,  true,  gfp_bits(0x0, 0x8), 0x68d096},
  {ZoneType::HighMem, "HighMem", ZoneEnd::Platform,    0,  false, gfp_bits(0x2),      0xc88cdc},
  {ZoneType::Movable, "Movable", ZoneEnd::Options,     0,  true,  gfp_bits(0xa),      0xdc78aa},
};
// clang-format on

inline constexpr size_t kZoneTypes = std::size(kZoneTraits);

[[nodiscard]] constexpr const ZoneTraits& traits(ZoneType type) {
  return kZoneTraits[static_cast<size_t>(type)];
}
[[nodiscard]] constexpr const char* zone_name(ZoneType type) { return traits(type).name; }
[[nodiscard]] constexpr const char* printed(ZoneType type) { return zone_name(type); }

// All kinds, in order.
inline constexpr std::array<ZoneType, kZoneTypes> kAllZones = [] {
  std::array<ZoneType, kZoneTypes> all{};
  for (size_t i = 0; i < kZoneTypes; ++i) all[i] = static_cast<ZoneType>(i);
  return all;
}();

static_assert(
    [] {
      uint32_t asked = 0;
      for (size_t i = 0; i < kZoneTypes; ++i) {
        const ZoneTraits& row = kZoneTraits[i];
        if (row.type != kAllZones[i] || (asked & row.asked_by) != 0) return false;
        asked |= row.asked_by;
      }
      return true;
    }(),
    "each row stands in its type's place, and no gfp asks for two zones");

// Something for each kind of zone.
template <class T>
struct PerZone {
  std::array<T, kZoneTypes> all;

  constexpr T& operator[](ZoneType type) { return all[static_cast<size_t>(type)]; }
  constexpr const T& operator[](ZoneType type) const { return all[static_cast<size_t>(type)]; }
  friend constexpr bool operator==(const PerZone&, const PerZone&) = default;
  constexpr auto begin() { return all.begin(); }
  constexpr auto end() { return all.end(); }
  constexpr auto begin() const { return all.begin(); }
  constexpr auto end() const { return all.end(); }
};

// Which kinds a platform has.
struct ZoneSet {
  PerZone<bool> has{};
  bool device = false;  // ZONE_DEVICE: always empty here, but Linux prints it
};

}  // namespace mm
