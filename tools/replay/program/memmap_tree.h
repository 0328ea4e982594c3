// The many files of /sys/firmware/memmap.
#pragma once

#include <vector>

#include "tools/replay/program/pieces.h"

namespace replay {

// Pieces that are files of such a tree (memmap/7/start) become one for each tree, as `grep -r .
// memmap` prints it; the others stay.
void gather_memmap(std::vector<Piece>& pieces);

}  // namespace replay
