// The findings, by what they look at; each adds what it finds.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/replay/findings.h"

namespace replay {

// The firmware's list in itself.
void find_in_firmware_map(const Replayed& replayed, std::vector<Finding>& findings);
// RAM that was usable and is not used.
void find_in_taken(const Replayed& replayed, std::vector<Finding>& findings);
// SRAT against the map, and the nodes that come of it.
void find_in_nodes(const Replayed& replayed, std::vector<Finding>& findings);
// How fast nodes' memory is, and which have CPUs.
void find_in_speeds(const Replayed& replayed, std::vector<Finding>& findings);

// `2,048 MiB`, `64 GiB`, `12.5 KiB`.
[[nodiscard]] std::string size_words(uint64_t bytes);
// `[mem 0x...-0x...], [mem ...] and 3 more`.
[[nodiscard]] std::string list_of(std::span<const mm::Range> ranges);
[[nodiscard]] uint64_t bytes_of(std::span<const mm::Range> ranges);
// What of the range is not usable in the map, appended.
void subtract_ram(mm::Range range, const mm::E820Table& map, std::vector<mm::Range>& rest);
// Ascending, disjoint, touching ones joined.
void join(std::vector<mm::Range>& ranges);

}  // namespace replay
