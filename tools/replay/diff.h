// Two machines, or two boots of one, side by side.
#pragma once

#include <string>
#include <vector>

#include "tools/replay/machine.h"

namespace replay {

struct Diff {
  bool same = true;
  std::string text;
};

// How the firmware's map changed, in one line where all of it moved by one distance, else by how many
// ranges and the first of them; empty: it did not.
[[nodiscard]] std::string map_change_of(const std::vector<mm::E820Entry>& before,
                                        const std::vector<mm::E820Entry>& after);

// Their firmware's maps, then SRAT, then what Baton (or Linux before 3.x) had reserved.
[[nodiscard]] Diff diff_of(const Machine& before, const Machine& after);

}  // namespace replay
