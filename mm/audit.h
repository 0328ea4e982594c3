// Audit: every rule of the page allocator's structures, checked from scratch against each other.
//
// The machine must be at rest. Looks at every list, every pageblock and every Page that may be
// read, and believes no counter: free_area against mem_map, lists against tags, counters against
// sums, types against lists, blocks against RAM, zonelists against zones. GiBs of which nothing was
// ever needed are passed over whole, so an audit costs by what was touched, not by the machine's
// size.
#pragma once

#include "mm/page_alloc.h"
#include "mm/result.h"

namespace mm {

// The first violation: `what` the rule, `subject` the zone's name where there is one, `a` the
// address or the number found, `b` the number expected (or what else `what` says).
Result<> audit(const PageAllocatorCore& core);

}  // namespace mm
