// The texts of /proc/buddyinfo, pagetypeinfo, zoneinfo and meminfo, and the report of a failed
// allocation, in the format of Linux 6.1 (as Debian configures it), so that scripts people have
// work on them.
//
// - Blocks go up to order 18 here: after Linux's 11 columns (orders 0 to 10) come 8 more of the
//   same width. Whoever sums count << column over all columns of a line gets the free pages.
// - What Baton does not have (page cache, slab, swap, CMA, ...) is 0, and its line is there.
// - Zones are those of the platform; on a PC DMA, DMA32, Normal, Movable, Device.
// - Counts are those of one moment when nothing else runs; while CPUs allocate they may not add up.
#pragma once

#include <optional>

#include "mm/page_alloc.h"
#include "mm/print.h"

namespace mm {

void show_buddyinfo(const PageAllocatorCore& core, const Printer& out);
void show_pagetypeinfo(const PageAllocatorCore& core, const Printer& out);
void show_zoneinfo(const PageAllocatorCore& core, const Printer& out);
void show_meminfo(const PageAllocatorCore& core, const Printer& out);

// What a kernel's image takes, in bytes.
struct ImageSizes {
  uint64_t code = 0, data = 0, rodata = 0, init = 0, bss = 0;
};

// The log's `Memory: 378732K/4187604K available (...)`: free now, of all RAM. Where there is no image
// (in a replay), nothing is said of it.
void show_memory_line(const PageAllocatorCore& core, const std::optional<ImageSizes>& image,
                      const Printer& out);

// From "Mem-Info:" on: what every zone up to `highest` has, as in a failure report.
void show_mem(const PageAllocatorCore& core, unsigned cpu, ZoneType highest, const Printer& out);

// How a frame is used, for who asks about one: "free", "a hole: no RAM is there".
[[nodiscard]] const char* words_of(FrameUse use);

}  // namespace mm
