// Texts of a fixed size, as what both sides of the jump agree on has them.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

namespace loader {

// As much of `text` as there is room for, and NULs to the end, one at least. What is no printable ASCII
// becomes '?'.
inline void put_text(std::span<char> to, std::string_view text) {
  const std::string_view put(text.data(), std::min(text.size(), to.size() - 1));
  const auto end = std::transform(put.begin(), put.end(), to.begin(),
                                  [](char c) { return c >= ' ' && c <= '~' ? c : '?'; });
  std::fill(end, to.end(), '\0');
}

}  // namespace loader
