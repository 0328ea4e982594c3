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

// What a relay does not know of its machine.
struct LedgerFacts {
  FirmwareRam firmware = {};  // by relay.e820() as it was after take_over()
  uint64_t added = 0;         // bytes of RAM by options (memmap=)
  // What was taken besides the relay's own trims: mem=, memmap=.
  std::span<const NamedBytes> trims = {};
  Phys end = {};  // of the address space; 0: where e820's last entry ends
};

// Counts everything the relay and its allocator hold and closes the ledger (mm/ledger.h). Nothing
// may allocate or free meanwhile.
Result<> close_ledger(const RelayCore& relay, const PageAllocatorCore& pages,
                      const LedgerFacts& facts, const Printer& out);

}  // namespace mm
