// What Linux made of the machine: zones, node ranges, its total, what it had reserved.
#include <algorithm>

#include "tools/replay/log_reading.h"

namespace replay {

using mm::Phys;
using mm::Range;

// `1K/2K available`; up to 3.10 it was another figure, in `k`.
void LogReader::read_total(std::string_view rest) {
  if (read_banks(rest) || !take_number(rest, 10) || !take_word(rest, "K/")) return;
  const auto total = take_number(rest, 10);
  if (total && take_word(rest, "K available")) boot().log.linux_made.total_kib = *total;
}

namespace {

std::optional<Range> take_pfns(std::string_view& text) {
  std::string_view rest = text;
  take_blanks(rest);
  const auto start = take_number(rest, rest.starts_with("0x") ? 16 : 10);
  take_blanks(rest);
  if (!start || !take_word(rest, "->")) return std::nullopt;
  take_blanks(rest);
  const auto end = take_number(rest, rest.starts_with("0x") ? 16 : 10);
  constexpr uint64_t kMostFrames = mm::kMaxPhys >> mm::kPageShift;
  if (!end || *start > kMostFrames || *end > kMostFrames) return std::nullopt;
  text = rest;
  return mm::phys(mm::PfnRange{mm::Pfn{*start}, mm::Pfn{*end}});
}

}  // namespace

// `  DMA      [mem 0x0000000000001000-0x0000000000ffffff]`, `empty`, or in frame numbers.
bool LogReader::read_zone(std::string_view text) {
  for (const mm::ZoneType type : mm::kAllZones) {
    const std::string name = std::string(mm::zone_name(type)) + " ";
    size_t at = text.find(name);
    if (at == std::string_view::npos || (at > 0 && text[at - 1] != ' ')) continue;
    std::string_view rest = text.substr(at + name.size());
    take_blanks(rest);
    Range range;
    if (const auto spelled = take_mem(rest)) {
      if (spelled->last < mm::kMaxPhys) range = {Phys{spelled->first}, Phys{spelled->last + 1}};
    } else if (const auto pfns = take_pfns(rest)) {
      range = *pfns;
    } else if (!take_word(rest, "empty")) {
      return false;
    }
    if (type == mm::ZoneType::HighMem) boot().high_mem = true;
    boot().log.linux_made.zones.push_back({type, range});
    return true;
  }
  return text.find("Device ") != std::string_view::npos;
}

// `    0: 0x00000001 -> 0x0000009d`.
bool LogReader::read_old_range(std::string_view text) {
  const size_t arrow = text.find("->");
  if (arrow == std::string_view::npos) return false;
  const size_t colon = text.rfind(':', arrow);
  if (colon == std::string_view::npos) return false;
  size_t digits = colon;
  while (digits > 0 && text[digits - 1] >= '0' && text[digits - 1] <= '9') --digits;
  std::string_view number = text.substr(digits, colon - digits);
  const auto node = take_number(number, 10);
  std::string_view rest = text.substr(colon + 1);
  const auto pfns = take_pfns(rest);
  if (!node || *node >= mm::kMaxNodes || !pfns) return false;
  if (pfns->start < pfns->end) {
    boot().log.linux_made.ranges.push_back({static_cast<unsigned>(*node), *pfns});
  }
  return true;
}

// `  node   0: [mem 0x0000000000001000-0x000000000009dfff]`.
bool LogReader::read_node_range(std::string_view text) {
  const size_t at = text.find(" node ");
  if (at == std::string_view::npos) return false;
  std::string_view rest = text.substr(at + std::string_view(" node ").size());
  take_blanks(rest);
  const auto node = take_number(rest, 10);
  if (!node || *node >= mm::kMaxNodes || !take_word(rest, ": ")) return false;
  const auto spelled = take_mem(rest);
  if (!spelled || spelled->last < spelled->first || spelled->last >= mm::kMaxPhys) return false;
  auto& ranges = boot().log.linux_made.ranges;
  const LinuxNodeRange range{static_cast<unsigned>(*node),
                             {Phys{spelled->first}, Phys{spelled->last + 1}}};
  if (ranges.empty() || !(ranges.back() == range)) ranges.push_back(range);
  return true;
}

// `  #4 [007d56e000 - 007d597000]          PGTABLE ==> [007d56e000 - 007d597000]`, of which the
// second part, where there is one, is what lies in the boot allocator's reach. Of several lists (a
// node each, and at the end) what was said already is passed over.
void LogReader::read_reservation(std::string_view text) {
  const size_t at = text.find('#');
  if (at == std::string_view::npos) return;
  std::string_view rest = text.substr(at + 1);
  if (!take_number(rest, 10) || !take_word(rest, " [")) return;
  const auto spelled = take_bare(rest);
  if (!spelled || !take_word(rest, "]") || spelled->nothing || spelled->last < spelled->first ||
      spelled->last >= mm::kMaxPhys) {
    return;
  }
  rest = rest.substr(0, rest.find("==>"));
  take_blanks(rest);
  rest = rest.substr(0, rest.find_last_not_of(' ') + 1);
  const NamedRange found{{Phys{spelled->first}, Phys{spelled->last + 1}}, std::string(rest)};
  auto& known = boot().log.reservations;
  if (!rest.empty() && std::find(known.begin(), known.end(), found) == known.end()) {
    known.push_back(found);
  }
}

}  // namespace replay
