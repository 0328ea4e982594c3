// A replayed machine as data for the page: JSON, described in docs/replay-page.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/replay/findings.h"
#include "tools/replay/replayed.h"

namespace replay {

[[nodiscard]] std::string page_data(std::string_view title, const Replayed& replayed,
                                    std::span<const Finding> findings);

}  // namespace replay
