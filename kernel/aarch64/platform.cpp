#include "mm/platform.h"

#include "kernel/arch.h"

mm::Platform kernel::arch::platform(unsigned /*paging_levels*/) { return mm::aarch64_platform(); }

// Addresses are many.
bool kernel::arch::is_kernels(uint64_t /*virt*/) { return false; }

std::optional<uint64_t> kernel::arch::image_alias(uint64_t /*virt*/) { return std::nullopt; }
