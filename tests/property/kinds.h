// The kinds of machines that random ones are of, and what is plainly true of each.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mm/platform.h"
#include "mm/types.h"
#include "mm/zone_type.h"

namespace test {

struct Kind {
  struct Zone {
    mm::ZoneType type;
    mm::Phys end;
  };
  static constexpr mm::Phys kNoEnd{mm::kMaxPhys};

  const char* name;
  uint64_t most;        // how much of the address space RAM and holes take at most
  mm::Phys first;       // where RAM begins
  mm::Phys end_of_low;  // from here on it is highmem
  mm::Phys reach;       // and from here on nobody's
  bool bios;            // which has page 0, and 640 KiB to 1 MiB
  std::vector<Zone> zones;
  mm::Platform platform;
};

inline Kind pc_of_64_bits(uint64_t /*seed*/) {
  using enum mm::ZoneType;
  return {.name = "PC",
          .most = 128 * mm::kGiB,
          .first = {},
          .end_of_low = Kind::kNoEnd,
          .reach = Kind::kNoEnd,
          .bios = true,
          .zones = {{Dma, mm::Phys{16 * mm::kMiB}},
                    {Dma32, mm::Phys{4 * mm::kGiB}},
                    {Normal, Kind::kNoEnd}},
          .platform = mm::x86_64_platform()};
}

inline Kind pc_of_32_bits(const char* name, unsigned levels, mm::Phys end_of_low) {
  using enum mm::ZoneType;
  return {.name = name,
          .most = 12 * mm::kGiB,
          .first = {},
          .end_of_low = end_of_low,
          .reach = mm::Phys{(levels == 3 ? 64 : 4) * mm::kGiB},
          .bios = true,
          .zones = {{Dma, mm::Phys{16 * mm::kMiB}}, {Normal, end_of_low}, {HighMem, Kind::kNoEnd}},
          .platform = mm::ia32_platform(end_of_low, levels)};
}
// Where lowmem ends there, which is inside a pageblock: loader/arch.h.
inline Kind pc_with_pae(uint64_t /*seed*/) {
  return pc_of_32_bits("PC with PAE", 3, mm::Phys{0x36ff'e000});
}
inline Kind pc_without_pae(uint64_t /*seed*/) {
  return pc_of_32_bits("PC without PAE", 2, mm::Phys{0x36bf'e000});
}

// RAM begins anywhere.
inline Kind arm(uint64_t seed) {
  using enum mm::ZoneType;
  constexpr std::array<uint64_t, 6> kFirst{0x4000'0000, 0x8000'0000, 0x1000'0000,
                                           0x6000'0000, 0x0020'0000, 0};
  const mm::Phys first{kFirst[seed % kFirst.size()]};
  const mm::Phys end_of_low = first + 768 * mm::kMiB;
  return {.name = "ARM",
          .most = 3 * mm::kGiB,
          .first = first,
          .end_of_low = end_of_low,
          .reach = mm::Phys{4 * mm::kGiB},
          .bios = false,
          .zones = {{Normal, end_of_low}, {HighMem, Kind::kNoEnd}},
          .platform = mm::arm_platform(end_of_low)};
}

}  // namespace test
