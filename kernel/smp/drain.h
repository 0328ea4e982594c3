// The CPUs' lists of pages, emptied from outside.
#pragma once

#include "kernel/policy.h"
#include "mm/page_alloc.h"

namespace kernel {

// Everything on the lists of all CPUs goes back to buddy. A CPU that runs empties its own, in a
// call; one that keeps nothing is not called. What is freed meanwhile may be on lists again.
void drain_everywhere(mm::PageAllocator<Policy>& pages);

}  // namespace kernel
