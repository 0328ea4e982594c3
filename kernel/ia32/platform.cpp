#include "mm/platform.h"

#include "kernel/arch.h"
#include "loader/handoff/handoff.h"

mm::Platform kernel::arch::platform(unsigned paging_levels) {
  return mm::ia32_platform(mm::Phys{loader::kNarrowLowmem}, paging_levels);
}
