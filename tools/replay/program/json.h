// A replay for programs: the shape that docs/replay.schema.json describes.
#pragma once

#include <span>
#include <string>

#include "tools/replay/findings.h"
#include "tools/replay/replayed.h"

namespace replay {

// One object; its version is kJsonVersion (machine_json.h), and "machine" reads back as the machine
// (machine_of_json()). Addresses and sizes are numbers of bytes; a range's end is one past it.
[[nodiscard]] std::string json_text(const Replayed& replayed, std::span<const Finding> findings,
                                    const std::string& input);

}  // namespace replay
