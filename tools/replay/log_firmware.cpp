// The firmware's list, and what Linux changed of it.
#include "tools/replay/log_reading.h"

namespace replay {

using mm::E820Entry;
using mm::Phys;
using mm::Range;

// What a line's bytes are as a range, cut where nothing can be.
std::optional<Range> LogReader::range_of(const Spelled& spelled) {
  if (spelled.nothing || spelled.last < spelled.first) {
    remark("ends before it begins, skipped: " + excerpt(lines_[at_].text));
    return std::nullopt;
  }
  if (spelled.first >= mm::kMaxPhys) {
    remark("lies above 2^52, where no address is, skipped: " + excerpt(lines_[at_].text));
    return std::nullopt;
  }
  if (spelled.last >= mm::kMaxPhys) {
    remark("reaches above 2^52, where no address is; taken up to there: " +
           excerpt(lines_[at_].text));
    return Range{Phys{spelled.first}, Phys{mm::kMaxPhys}};
  }
  return Range{Phys{spelled.first}, Phys{spelled.last + 1}};
}

void LogReader::add(std::vector<E820Entry>& list, const E820Entry& entry, bool firmware) {
  std::vector<E820Entry>* to = &list;
  if (!list.empty() && list.back() == entry) return;  // every line twice
  if (firmware && list.size() > 1 && entry.range.start <= list.front().range.start) {
    // Linux sorts before it prints: what begins again is another boot's.
    begin_boot();
    to = &boot().log.firmware;
  } else if (firmware && !list.empty() && entry.range.start < list.back().range.end) {
    remark("overlaps or precedes the entry before it; the stricter type counts: " +
           excerpt(lines_[at_].text));
  }
  to->push_back(entry);
}

bool LogReader::read_entry(std::string_view rest, std::vector<E820Entry>& list, bool firmware) {
  take_blanks(rest);
  if (rest.starts_with("[gap ")) return true;  // Linux 7 shows what is in no entry
  const auto spelled = take_range(rest);
  if (!spelled) return false;
  const auto type = take_type(rest);
  if (!type) return false;
  if (const auto range = range_of(*spelled)) add(list, {*range, *type}, firmware);
  return true;
}

bool LogReader::read_update(std::string_view rest) {
  take_blanks(rest);
  const auto spelled = take_range(rest);
  if (!spelled) return false;
  const auto from = take_type(rest);
  if (!from) return false;
  take_word(rest, ")");
  take_blanks(rest);
  if (!take_word(rest, "==>")) return false;
  const auto to = take_type(rest);
  if (!to) return false;
  if (const auto range = range_of(*spelled)) {
    boot().updates.push_back({*range, *from, *to});
    boot().run.push_back(boot().updates.back());
  }
  return true;
}

}  // namespace replay
