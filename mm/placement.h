// Where the nodes' own structures lie: NODE_DATA, MEMMAP and per-CPU areas.
//
// They are placed before any allocator exists and before the bootmem road's bitmaps, by one rule
// for both roads, so that these leave the same memory free. The rule: highest first, in the node's
// own RAM above the DMA zone, then in its DMA zone, then in any node's RAM above, then anywhere.
#pragma once

#include <cstdint>
#include <span>

#include "mm/e820.h"
#include "mm/early_res.h"
#include "mm/layout.h"
#include "mm/numa.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"
#include "mm/window.h"

namespace mm {

struct NodeSizes {
  uint64_t node_data = 0;   // bytes of the node's structures; 0: none
  uint64_t page_bytes = 0;  // bytes mem_map has for each frame, a divisor of kPageSize; 0: none
  uint64_t heads = 0;       // bytes NodeLayout::heads has for each GiB, whole pages; 0: none
  uint64_t pageblocks = 0;  // the same of ZoneLayout::pageblocks
  uint64_t per_cpu = 0;     // bytes of the node's per-CPU areas; 0: none
  uint64_t per_cpu_align = kPageSize;
  Phys below{kMaxPhys};  // all of it ends at or below this: HighMem is in no direct map
};

// Frames that a node's mem_map describes: whole sections, so that every frame for which pfn_valid()
// holds has a Page. Empty for a node without RAM.
[[nodiscard]] PfnRange mem_map_frames(const NodeLayout& node);

// Places the structures of one node, whose id, spanned and zones are known; fills in node_data,
// mem_map, mem_map_start, heads, pageblocks and per_cpu, and reserves "NODE_DATA" (also for heads
// and pageblocks), "MEMMAP" and "PER_CPU". `dma_end` is the first frame above the DMA zone.
//
// Of an array only the pages for sections, or GiBs, with RAM are reserved: the rest is never touched,
// and its memory is free for others. Still it is one stretch of addresses: a hole of 1 TiB has to
// lie over 4 GiB of free memory in a row. Where there is no such stretch, the array is made of
// pieces in the window; without a window the error says how much it would have been.
//
// Prints `NODE_DATA(0) allocated [mem 0x...-0x...]` for a node with RAM, and below it, indented,
// `NODE_DATA(0) on node 1` where it had to go elsewhere. Fails, naming the structure and its size,
// when there is no room.
Result<> place_node(NodeLayout& node, const NodeSizes& sizes, std::span<const ActiveRange> active,
                    const E820Table& e820, EarlyRes& reservations, Pfn dma_end,
                    const Window& window, const Printer& out);

}  // namespace mm
