// A replay for programs: the shape that docs/replay.schema.json describes.
#pragma once

#include <span>
#include <string>

#include "tools/replay/findings.h"
#include "tools/replay/replayed.h"

namespace replay {

// Counts up when what programs read is not there any more, or means something else. Keys may be
// added without that.
inline constexpr int kJsonVersion = 1;

// One object. Addresses and sizes are numbers of bytes; a range's end is one past it.
[[nodiscard]] std::string json_text(const Replayed& replayed, std::span<const Finding> findings,
                                    const std::string& input);

}  // namespace replay
