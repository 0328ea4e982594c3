// The page: one HTML file that shows a replayed machine, made of what is in tools/replay/page/.
#pragma once

#include <string>
#include <string_view>

namespace replay {

// With the machine (page_data()) in it.
[[nodiscard]] std::string page_of(std::string_view data);

}  // namespace replay
