// Blocks as mem_map has them: found by their first Pages alone, whatever lists and counters say.
//
// The machine must be at rest. Costs by the blocks there are and the pageblocks that were touched;
// runs of GiBs and what was never needed are passed over whole.
#pragma once

#include <cstdint>

#include "mm/layout.h"
#include "mm/page.h"
#include "mm/result.h"
#include "mm/types.h"
#include "mm/zone.h"

namespace mm {

// Frames in blocks, by what the blocks are.
struct BlockFrames {
  uint64_t free = 0;
  uint64_t on_cpu_lists = 0;
  uint64_t allocated = 0;

  [[nodiscard]] uint64_t all() const { return free + on_cpu_lists + allocated; }
};

// The first frame of the range at which a block starts or a block of a run lies; the range's end
// when none does. All of it is described by the node.
[[nodiscard]] Pfn first_head(const Node& node, PfnRange frames);

// The first frame of the range that a block covers; the range's end when none does. All of it is
// described by the node.
[[nodiscard]] Pfn first_in_block(const Node& node, PfnRange frames);

// Adds the blocks of a range to `found`. All of it is RAM of the zone, nothing of it is reserved,
// and neither is true of the frames before and behind it: so the zone's blocks are to be exactly
// these frames, one behind the other. The error is the first that is not so: a frame in no block, a
// block of another zone, or one that reaches out of the range (address of each).
Result<> count_blocks(const Zone& zone, PfnRange frames, BlockFrames& found);

}  // namespace mm
