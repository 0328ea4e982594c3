#include "mm/platform.h"

#include "kernel/arch.h"
#include "kernel/highmem.h"

mm::Platform kernel::arch::platform(unsigned /*paging_levels*/) {
  return mm::arm_platform(mm::Phys{end_of_low()});
}
