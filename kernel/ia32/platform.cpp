#include "mm/platform.h"

#include "end_of_low.h"
#include "kernel/arch.h"
#include "loader/handoff/handoff.h"

mm::Platform kernel::arch::platform(unsigned paging_levels) {
  return mm::ia32_platform(mm::Phys{end_of_low()}, paging_levels);
}

bool kernel::arch::is_kernels(uint64_t virt) {
  return virt - loader::kNarrowKernel < loader::kNarrowKernelSize;
}

std::optional<uint64_t> kernel::arch::image_alias(uint64_t /*virt*/) { return std::nullopt; }
