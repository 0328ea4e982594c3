#include "tools/replay/findings.h"

#include <algorithm>

#include "tools/replay/finding_rows.h"
#include "tools/replay/said.h"

namespace replay {

using mm::Range;

std::string size_words(uint64_t bytes) {
  struct Unit {
    uint64_t bytes;
    const char* name;
  };
  constexpr Unit kUnits[] = {{mm::kTiB, " TiB"},
                             {mm::kGiB, " GiB"},
                             {mm::kMiB, " MiB"},
                             {mm::kKiB, " KiB"},
                             {1, " bytes"}};
  // From 16 of a unit on; else the one below says it more exactly.
  const Unit* unit = &kUnits[4];
  for (const Unit& each : kUnits) {
    const bool thousands = each.bytes >= mm::kGiB;
    if (bytes >= each.bytes * (thousands ? 16 : 1)) {
      unit = &each;
      break;
    }
  }
  const uint64_t whole = bytes / unit->bytes;
  const uint64_t tenths = bytes % unit->bytes * 10 / unit->bytes;
  std::string text =
      whole >= 1000 ? said("{},{:03}", whole / 1000, whole % 1000) : said("{}", whole);
  if (tenths != 0) text += said(".{}", tenths);
  return text + unit->name;
}

std::string list_of(std::span<const Range> ranges) {
  constexpr size_t kMost = 4;
  std::string text;
  for (size_t i = 0; i < ranges.size() && i < kMost; ++i) {
    if (i != 0) text += ", ";
    text += said("{:08x}", mm::mem(ranges[i]));
  }
  if (ranges.size() > kMost) text += said(" and {} more", ranges.size() - kMost);
  return text;
}

uint64_t bytes_of(std::span<const Range> ranges) {
  uint64_t bytes = 0;
  for (const Range& range : ranges) bytes += range.size();
  return bytes;
}

void join(std::vector<Range>& ranges) {
  std::erase_if(ranges, [](const Range& range) { return range.empty(); });
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.start < b.start; });
  size_t kept = 0;
  for (const Range& range : ranges) {
    if (kept != 0 && range.start <= ranges[kept - 1].end) {
      ranges[kept - 1].end = std::max(ranges[kept - 1].end, range.end);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
}

std::vector<Finding> findings_of(const Replayed& replayed) {
  std::vector<Finding> findings;
  find_in_taken(replayed, findings);
  find_in_nodes(replayed, findings);
  find_in_firmware_map(replayed, findings);
  find_in_speeds(replayed, findings);
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return a.note != b.note ? b.note : a.bytes > b.bytes;
  });
  return findings;
}

}  // namespace replay
