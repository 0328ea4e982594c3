// Who has what of the kernel's own addresses, of 32 bits: the 16 MiB up to 0xf8000000.
#pragma once

#include <cstdint>

#include "loader/handoff/handoff.h"

namespace kernel::ia32 {

struct Window {
  uint64_t start, size;
};
// The image, 8 MiB at most, comes first (kernel.lds).
inline constexpr Window kImage{loader::kNarrowKernel, 8 * mm::kMiB};
inline constexpr Window kAreas{kImage.start + kImage.size, 4 * mm::kMiB};   // other CPUs' own
inline constexpr Window kPkmap{kAreas.start + kAreas.size, 2 * mm::kMiB};   // highmem, kept mapped
inline constexpr Window kFixmap{kPkmap.start + kPkmap.size, 2 * mm::kMiB};  // and for a moment
static_assert(kFixmap.start + kFixmap.size == loader::kNarrowKernel + loader::kNarrowKernelSize);

}  // namespace kernel::ia32
