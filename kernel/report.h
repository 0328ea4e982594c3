// What memory looks like now, in the words and formats of Linux's log and /proc.
#pragma once

#include "mm/page_alloc.h"
#include "mm/print.h"
#include "mm/relay.h"

namespace kernel {

// Bytes of the kernel image by kind.
struct ImageSizes {
  uint64_t code = 0, rwdata = 0, rodata = 0, bss = 0;
};

// `Memory: 378732K/4187604K available (...)`: free now, of all RAM.
void print_memory_line(const mm::PageAllocatorCore& pages, const ImageSizes& image,
                       const mm::Printer& out);
// /proc/buddyinfo, /proc/zoneinfo, /proc/meminfo, /proc/pagetypeinfo. Orders go to 18 where Linux's
// go to 10.
void print_buddyinfo(const mm::PageAllocatorCore& pages, const mm::Printer& out);
void print_zoneinfo(const mm::PageAllocatorCore& pages, const mm::Printer& out);
void print_meminfo(const mm::PageAllocatorCore& pages, const mm::Printer& out);
void print_pagetypeinfo(const mm::PageAllocatorCore& pages, const mm::Printer& out);
// /proc/iomem, of which only what e820 and the kernel image say.
void print_iomem(const mm::E820Table& e820, mm::Range kernel_image, const mm::Printer& out);

}  // namespace kernel
