// A still of a replayed machine: one SVG, drawn of the pieces (mm/picture/) that the kernel's `map` has.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/replay/findings.h"
#include "tools/replay/replayed.h"

namespace replay {

// Light or dark as the reader's system is (prefers-color-scheme); stands by itself, without scripts.
[[nodiscard]] std::string still_of(std::string_view title, const Replayed& replayed,
                                   std::span<const Finding> findings);

}  // namespace replay
