// Free memory that has no address: Linux's debug_pagealloc, for page_poison, too.
//
// The direct map has RAM by pages of 4 KiB then, and the page of a frame that nobody has is not present: who
// reads or writes there faults, and is told that it is free. RAM's identity map, by which it could be
// reached, too, is gone. Highmem is mapped for whoever has it, as ever.
#pragma once

#include <cstdint>

#include "kernel/kept.h"
#include "mm/page_contents.h"
#include "mm/print.h"
#include "mm/relay.h"
#include "mm/result.h"

namespace kernel {

// After the boot allocator has started, before the first frame is the page allocator's. Tables are early memory,
// "DIRECT MAP". From then on absence_of_free_pages() can be asked for.
mm::Result<> make_pages_small(mm::RelayCore& relay, const Kept& kept, const mm::Printer& out);
[[nodiscard]] mm::Presence absence_of_free_pages();

// Whatever has it, its address is there: for last words.
void show_frame(mm::Pfn frame);

// A line that says so, behind such words, where an address is in a free page.
void print_if_free(const char* before, uint64_t virt, const mm::Printer& out);

}  // namespace kernel
