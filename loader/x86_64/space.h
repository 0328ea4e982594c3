// Where x86-64's kernel has what: also for a loader of 32 bits that starts it.
#pragma once

#include "loader/arch.h"

namespace loader::x86_64 {

// The direct map goes on to the next thing in the upper half (Linux's
// Documentation/x86/x86_64/mm.rst): 64 TiB, with five levels 32 PiB.
constexpr AddressSpace address_space(unsigned levels) {
  const bool five = levels == 5;
  return {.direct_map = five ? kDirectMap5Level : kDirectMap4Level,
          .direct_map_end = five ? kDirectMapEnd5Level : kDirectMapEnd4Level,
          .direct_map_size = uint64_t{1} << (five ? 55 : 46),
          .identity_size = uint64_t{1} << (five ? 56 : 47)};
}

inline constexpr ElfKind kElfKind{.machine = 62, .wide = true};  // psABI, section 4.1

}  // namespace loader::x86_64
