// Where page tables that are in use lie: what must not be overwritten until others are live.
#pragma once

#include <span>

#include "mm/direct_map.h"
#include "mm/types.h"

namespace loader {

// The frames of a live tree of page tables (Intel SDM vol. 3A section 4.5), found by walking it
// from its root (CR3's address) with `levels` levels. Frames that follow each other in the walk and
// in memory are one range. Returns how many ranges there are, which may be more than fit.
size_t live_page_tables(mm::Phys root, unsigned levels, const mm::DirectMap& reach,
                        std::span<mm::Range> out);

}  // namespace loader
