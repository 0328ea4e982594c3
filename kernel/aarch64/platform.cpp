#include "mm/platform.h"

#include "kernel/arch.h"

mm::Platform kernel::arch::platform(unsigned /*paging_levels*/) { return mm::aarch64_platform(); }
