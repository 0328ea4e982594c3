// The text of a log as people hand it over.
//
// Terminals' colours, word processors' dashes, HTML's entities, JSON's escapes, tabs, CR LF,
// UTF-16: what was pasted comes out as lines of plain text with the numbers an editor gives them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace replay {

struct Line {
  size_t number = 0;  // from 1; pieces of one line (JSON's "\n") have the same
  std::string text;   // no control characters; a tab is a blank
};

[[nodiscard]] std::vector<Line> lines_of(std::string_view bytes);

// The line's beginning, to be shown.
[[nodiscard]] std::string excerpt(std::string_view line);

// What a file is that has no e820 list to read ("/proc/iomem", "compressed with gzip"); null when
// that is not known.
[[nodiscard]] const char* known_kind(std::string_view bytes, const std::vector<Line>& lines);

}  // namespace replay
