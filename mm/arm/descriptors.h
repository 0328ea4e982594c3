// Bits of Arm's short descriptors (ARM ARM v7-A, DDI 0406C, section B3.5), as they are read with
// SCTLR.TRE and AFE clear.
#pragma once

#include <cstdint>

#include "mm/types.h"

namespace mm::arm {

// First level: 4096 entries, each for 1 MiB. Second: 256, each for 4 KiB.
inline constexpr unsigned kFirstLevelBits = 12, kSecondLevelBits = 8;

// An entry's lowest two bits. None set: it maps nothing.
inline constexpr uint32_t kTypeMask = 3;
inline constexpr uint32_t kTable = 1, kSection = 2;  // of the first level
inline constexpr uint32_t kSmallPage = 2;            // of the second, where bit 0 is XN
inline constexpr uint32_t kTableAddress = 0xffff'fc00;

// How memory is cached, by TEX[2:0], C and B (table B3-10).
struct Attributes {
  uint32_t tex, c, b;
  friend constexpr bool operator==(const Attributes&, const Attributes&) = default;
};
inline constexpr Attributes kStronglyOrdered{0, 0, 0}, kDevice{0, 0, 1}, kWriteThrough{0, 1, 0},
    kWriteBack{0, 1, 1}, kNotCached{1, 0, 0}, kWriteAllocate{1, 1, 1};

// Who may do what, by AP[2:0] (table B3-8). The kernel may always read.
struct Rights {
  bool write = false, execute = false;
  bool user = false;    // so may user mode
  bool shared = false;  // S: other CPUs see it as one memory
  friend constexpr bool operator==(const Rights&, const Rights&) = default;
};

// Where they stand in an entry of either level.
struct Places {
  unsigned ap0, ap2, tex, shared, execute_never;
};
inline constexpr Places kSectionPlaces{10, 15, 12, 16, 4}, kSmallPagePlaces{4, 9, 6, 10, 0};
inline constexpr unsigned kC = 3, kB = 2;  // the same in both

// AP[2:0]: 001 the kernel writes, 101 it reads, 011 all write, 111 all read.
constexpr uint32_t bits(const Places& at, const Attributes& how, const Rights& who) {
  return 1u << at.ap0 | (who.user ? 1u : 0u) << (at.ap0 + 1) | (who.write ? 0u : 1u) << at.ap2 |
         how.tex << at.tex | how.c << kC | how.b << kB | (who.shared ? 1u : 0u) << at.shared |
         (who.execute ? 0u : 1u) << at.execute_never;
}
constexpr Attributes attributes(const Places& at, uint32_t entry) {
  return {entry >> at.tex & 7, entry >> kC & 1, entry >> kB & 1};
}
constexpr Rights rights(const Places& at, uint32_t entry) {
  return {(entry >> at.ap2 & 1) == 0, (entry >> at.execute_never & 1) == 0,
          (entry >> (at.ap0 + 1) & 1) != 0, (entry >> at.shared & 1) != 0};
}

constexpr uint32_t section(Phys start, const Attributes& how, const Rights& who) {
  return static_cast<uint32_t>(start.v) | kSection | bits(kSectionPlaces, how, who);
}
constexpr uint32_t small_page(Phys page, const Attributes& how, const Rights& who) {
  return static_cast<uint32_t>(page.v) | kSmallPage | bits(kSmallPagePlaces, how, who);
}

}  // namespace mm::arm
