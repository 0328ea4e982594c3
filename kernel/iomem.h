// The `Memory:` line of the log, and /proc/iomem (the rest of /proc's texts is mm/show.h's).
#pragma once

#include <span>

#include "loader/handoff/handoff.h"
#include "mm/e820.h"
#include "mm/page_alloc.h"
#include "mm/print.h"

namespace kernel {

// `Memory: 378732K/4187604K available (...)`: free now, of all RAM.
void print_memory_line(const mm::PageAllocatorCore& pages,
                       std::span<const loader::HandoffSegment> image, const mm::Printer& out);
// /proc/iomem, as far as e820 and the kernel's own segments tell.
void print_iomem(const mm::E820Table& e820, std::span<const loader::HandoffSegment> image,
                 const mm::Printer& out);

}  // namespace kernel
