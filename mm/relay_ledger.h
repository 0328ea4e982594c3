// The ledger of a machine that has run the relay.
#pragma once

#include <cstdint>
#include <span>

#include "mm/ledger.h"
#include "mm/page_alloc.h"
#include "mm/print.h"
#include "mm/relay.h"
#include "mm/result.h"

namespace mm {

// Counts everything the relay and its allocator hold and closes the ledger (mm/ledger.h). Nothing
// may allocate or free meanwhile. `firmware_usable` is relay.e820().total(E820Type::Ram) as it was
// after take_over(); `more_trims` is what was taken besides the relay's own trims (mem=,
// memmap=); `end` is the end of the address space (0: where e820's last entry ends).
Result<> close_ledger(const RelayCore& relay, const PageAllocatorCore& pages,
                      uint64_t firmware_usable, std::span<const NamedBytes> more_trims, Phys end,
                      const Printer& out);

}  // namespace mm
