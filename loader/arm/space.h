// Where a kernel's world has what on 32-bit Arm (mm/arm/space.h says more).
#pragma once

#include "loader/arch.h"
#include "mm/arm/space.h"

namespace loader::arm {

constexpr AddressSpace address_space(mm::Phys first_ram) {
  const mm::Phys first = mm::arm::phys_offset(first_ram);
  return {.direct_map = static_cast<uint32_t>(kNarrowDirectMap - first.v),
          .first = first,
          .direct_map_size = mm::arm::space_4_14(first).lowmem_size(),
          .identity_size = kNarrowDirectMap,
          .narrow = true,
          .kept = mm::arm::kKept};
}
static_assert(mm::arm::kPageOffset == kNarrowDirectMap && mm::kPmdSize == kNarrowAlign);
static_assert(mm::arm::kImage.start == kNarrowKernel &&
              mm::arm::kAreas.end == kNarrowKernel + kNarrowKernelSize);

}  // namespace loader::arm
