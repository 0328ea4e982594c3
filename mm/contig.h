// Runs of frames that are not a power of two long: cut into blocks, found and taken.
//
// A run is always held as the blocks that for_each_block_in() names, so that whoever knows its
// first frame and length can free it. All but that function run under the zone's lock.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "mm/buddy.h"
#include "mm/types.h"
#include "mm/zone.h"

namespace mm {

// Calls visit(Pfn, order) for the fewest aligned blocks that make up the range, ascending, until it
// returns false.
template <class Visit>
void for_each_block_in(PfnRange frames, Visit visit) {
  while (!frames.empty()) {
    const auto fits = static_cast<unsigned>(std::bit_width(frames.size())) - 1;
    const auto aligned = static_cast<unsigned>(std::countr_zero(frames.start.v));
    const unsigned order = std::min({fits, aligned, kMaxOrder});
    if (!visit(frames.start, order)) return;
    frames.start += frames_of(order);
  }
}

// The first frame of the range that is in no free block; frames.end when all are.
[[nodiscard]] Pfn first_not_free(const Node& node, PfnRange frames);

// Takes frames that are all free out of the zone, as allocated blocks.
void take_range(Zone& zone, PfnRange frames);

// The first block of those that for_each_block_in() names that is not an allocated one of the zone
// with one reference; frames.end when all are.
[[nodiscard]] Pfn first_not_held(const Zone& zone, PfnRange frames);

// Of frames that are held like that none starts a block any more: nobody has them.
void forget_range(Zone& zone, PfnRange frames);

// Makes an allocated block of the order an allocated run of `count` frames (less than the block
// has), and frees the rest.
void cut_allocated(Zone& zone, Pfn pfn, unsigned order, uint64_t count);

// The lowest run of `count` free frames of the zone, outside isolated pageblocks, that is aligned
// to `align`; kNoPfn when there is none. Goes from block to block and skips pageblocks nothing is
// known of, not frame by frame.
[[nodiscard]] Pfn find_contig(const Zone& zone, uint64_t count, uint64_t align);

}  // namespace mm
