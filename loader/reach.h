// Where the address space ends: for the CPU, for memory that the kernel is to use, and for what
// runtime services need. What lies beyond is odd, named and left alone; it never ends a boot.
#pragma once

#include "mm/types.h"

namespace loader {

struct Reach {
  mm::Phys cpu{mm::kMaxPhys};      // the first byte that has no address
  mm::Phys memory{mm::kMaxPhys};   // and that neither the direct map nor highmem can hold
  mm::Phys devices{mm::kMaxPhys};  // and at which no table or device can be mapped
  mm::Phys runtime{mm::kMaxPhys};  // and that the lower half, where runtime services are, does not
};

}  // namespace loader
