// The ledger: where every byte of the address space is, by name.
//
//     address space             = the types of e820 + the gaps between them
//     RAM in the firmware's map = usable in e820 + what was said twice or of another type, too
//     usable in e820 + what options add
//                               = what was trimmed, each with its name    (page 0, mem=, ...)
//                               + edges of entries that are no whole frame
//                               + frames that a border of SRAT's cuts     (in two nodes, in none)
//                               + what each reservation holds
//                               + free in buddy + on per-CPU lists + allocated
//
// to the byte. Each side is counted from its own structure, so the sums come out only when no
// station has lost or invented anything; when they do not, the error says in which zone or for
// which range. Free, listed and allocated frames are those of the blocks that there are; the
// allocator's counters have to agree. No block has a frame that is reserved. Counting costs by
// regions and blocks.
#pragma once

#include <cstdint>
#include <span>

#include "mm/block_walk.h"
#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/firmware_ram.h"
#include "mm/layout.h"
#include "mm/numa.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/trims.h"
#include "mm/types.h"

namespace mm {

// What the page allocator's counters say of one zone, in frames.
struct ZoneUse {
  uint64_t managed = 0;  // handed over and not taken back
  uint64_t free = 0;
  uint64_t on_cpu_lists = 0;
};

// How the allocator is asked.
struct AllocatorBooks {
  ZoneUse (*counters)(const void* context, NodeId node, ZoneType zone) = nullptr;
  // mm/block_walk.h's count_blocks().
  Result<> (*count_blocks)(const void* context, NodeId node, ZoneType zone, PfnRange frames,
                           BlockFrames& found) = nullptr;
  // mm/block_walk.h's first_in_block().
  Pfn (*first_in_block)(const void* context, NodeId node, PfnRange frames) = nullptr;
  const void* context = nullptr;
};

struct LedgerInput {
  FirmwareRam firmware;               // up to e820, before anything was trimmed or changed
  uint64_t added = 0;                 // bytes of RAM in e820 that only options call so
  std::span<const NamedBytes> trims;  // what was trimmed, before sub-page edges
  Phys end;  // of the CPU's addresses; the address space ends there or with the last entry
  const E820Table* e820 = nullptr;  // as it is now
  std::span<const Reservation> reservations;
  std::span<const MemoryAffinity> srat;  // by which `active` was divided; empty: by nothing
  std::span<const ActiveRange> active;
  std::span<const NodeLayout> nodes;
  AllocatorBooks books;
};

// Prints the ledger, a line an item with the words it has above and `Ledger: ` before; fails,
// naming what does not add up and both numbers, after it has printed everything.
Result<> close_ledger(const LedgerInput& input, const Printer& out);

}  // namespace mm
