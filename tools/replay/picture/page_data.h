// A replayed machine as data for the page: JSON, described in docs/replay-page.md.
#pragma once

#include <span>
#include <string>

#include "tools/replay/findings.h"
#include "tools/replay/replayed.h"

namespace replay {

struct PageWords {
  std::string title;    // of the input
  std::string answers;  // to what was asked besides, in lines; empty: nothing was
};

[[nodiscard]] std::string page_data(const PageWords& words, const Replayed& replayed,
                                    std::span<const Finding> findings);

}  // namespace replay
