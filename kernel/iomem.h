// The kernel's image by what its segments hold, and /proc/iomem (the rest of /proc's texts is mm/show.h's).
#pragma once

#include <span>

#include "loader/handoff/handoff.h"
#include "mm/e820.h"
#include "mm/print.h"
#include "mm/show.h"

namespace kernel {

// For the log's `Memory:` line.
mm::ImageSizes image_sizes(std::span<const loader::HandoffSegment> image);
// /proc/iomem, as far as e820 and the kernel's own segments tell.
void print_iomem(const mm::E820Table& e820, std::span<const loader::HandoffSegment> image,
                 const mm::Printer& out);

}  // namespace kernel
