// Two machines, or two boots of one, side by side.
#pragma once

#include <string>

#include "tools/replay/machine.h"

namespace replay {

struct Diff {
  bool same = true;
  std::string text;
};

// Their firmware's maps, then SRAT, then what Baton (or Linux before 3.x) had reserved.
[[nodiscard]] Diff diff_of(const Machine& before, const Machine& after);

}  // namespace replay
