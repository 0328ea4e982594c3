// What a person hands over, as a machine.
#pragma once

#include <string>
#include <vector>

#include "tools/replay/machine.h"
#include "tools/replay/program/pieces.h"

namespace replay {

struct Given {
  std::string name;  // of what the map is from, to be shown
  Machine machine;
};

// All pieces are of one machine: the map is the best one that there is (the firmware's own before
// what a kernel made of it), nodes and distances come from ACPI's tables where these are there.
// `boot`: which of a log's several, from 1; 0 is the last. `say` is called with what a reader of the
// input should know, a line each, also where BadInput is thrown then.
using Say = void (*)(const std::string& line);
[[nodiscard]] Given read_given(const std::vector<Piece>& pieces, unsigned boot, Say say);

}  // namespace replay
