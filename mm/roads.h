// Both roads from reservations to buddy, walked once more beside each other.
//
// A machine boots by one of them. Afterwards, from the same facts (active ranges, reservations as
// they are now), this runs the boot allocator of each in memory of the caller's and holds against
// each other what they would hand over: the check that tests do on drawn machines, for the machine
// one stands before. Costs by the regions of its map.
#pragma once

#include <cstdint>
#include <span>

#include "mm/direct_map.h"
#include "mm/early_res.h"
#include "mm/layout.h"
#include "mm/result.h"
#include "mm/types.h"

namespace mm {

// Bytes of memory that compare_roads() needs, a multiple of pages.
[[nodiscard]] uint64_t roads_room(const Layout& layout, size_t reservations);

// The frames that either road hands over: runs, ascending, each in one node and zone; they lie in
// `room` (page-aligned, roads_room() bytes, reached through `map`; content does not matter). Fails
// with the first run in which the roads differ.
Result<std::span<const PfnRange>> compare_roads(const Layout& layout,
                                                std::span<const Reservation> reservations,
                                                Range room, const DirectMap& map);

}  // namespace mm
