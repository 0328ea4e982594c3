#include "loader/bad_pages.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "mm/size_text.h"

namespace loader {
namespace {

using mm::Phys;
using mm::Range;

constexpr std::string_view kHead =
    "# Pages that are bad: each start of Baton keeps them from whatever it starts.\n"
    "# A line: first and last address, then anything. Your own lines need no sum; after a new\n"
    "# module delete this file.\n";
constexpr std::string_view kEnd = "# end of the list";
constexpr std::string_view kSum = " sum=";
constexpr std::string_view kCutOff = "# cut off: ";

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
constexpr bool separates(char c) { return is_blank(c) || c == ','; }

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

struct Line {
  std::string_view text;
  bool ended;
};
Line take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const Line line{{text.data(), end}, end < text.size()};
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  for (unsigned number = 1; !text.empty(); ++number) visit(take_line(text), number);
}

uint32_t sum_of(std::string_view text) {
  return crc32({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

// Whether the line's sum, if it has one, is right; it is cut off the line then.
bool check_sum(std::string_view& line) {
  constexpr size_t kSize = kSum.size() + 8;
  if (line.size() < kSize) return true;
  std::string_view tail = line;
  tail.remove_prefix(line.size() - kSize);
  if (!tail.starts_with(kSum)) return line.find(kSum) == std::string_view::npos;
  tail.remove_prefix(kSum.size());
  line.remove_suffix(kSize);
  return mm::number_of(tail, 16) == sum_of(line);
}

constexpr bool is_of_number(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == 'x' ||
         c == 'X';
}

// Words like "bad" are hexadecimal, too: an address begins with a digit.
std::optional<uint64_t> take_address(std::string_view& text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  size_t length = 0;
  while (length < text.size() && is_of_number(text[length])) ++length;
  const auto address = mm::number_of({text.data(), length}, 16, mm::kMaxPhys - 1);
  text.remove_prefix(length);
  return address;
}

// The range at the front of the text, in whole pages; null, or why there is none.
const char* take_range(std::string_view& text, Range& range) {
  const auto first = take_address(text);
  if (!first) return "it does not begin with an address below 2^52";
  uint64_t last = *first;
  if (text.starts_with("-")) {
    text.remove_prefix(1);
    const auto second = take_address(text);
    if (!second) return "no address below 2^52 follows the -";
    if (*second < *first) return "its last address is below its first";
    last = *second;
  }
  if (!text.empty() && !is_blank(text.front())) return "a blank is to follow the address";
  if (without_blanks(text).starts_with("-")) return "blanks stand before the -";
  range = mm::whole_pages({Phys{*first}, Phys{last + 1}});
  return nullptr;
}

bool covers(std::span<const Range> known, Range range) {
  return std::any_of(known.begin(), known.end(), [&](const Range& one) {
    return one.start <= range.start && range.end <= one.end;
  });
}

// A line of at most what its parts allow.
void print_entry(const BadPagesHead& head, const BadPagesEntry& entry, const mm::Printer& out) {
  std::array<char, 32> date{};
  if (head.year != 0) {
    (void)mm::format(date, "{:04}-{:02}-{:02} ", head.year, head.month, head.day);
  }
  std::array<char, 160> line{};
  const size_t length =
      mm::format(line, "0x{:016x}-0x{:016x} {}{}{}{}", entry.range.start.v, entry.range.end.v - 1,
                 date.data(), entry.found_by, entry.module[0] != '\0' ? " in " : "", entry.module);
  const std::string_view text(line.data(), length);
  out.line("{}{}{:08x}", text, kSum, sum_of(text));
}

}  // namespace

// --- The list ------------------------------------------------------------------------------------

size_t most_bad_ranges(std::string_view text) {
  const auto ends = [](char c) { return c == '\n' || separates(c); };
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), ends)) + 1;
}

size_t merge_ranges(std::span<Range> all) {
  std::sort(all.begin(), all.end(),
            [](const Range& a, const Range& b) { return a.start < b.start; });
  size_t count = 0;
  for (const Range& range : all) {
    if (count != 0 && range.start <= all[count - 1].end) {
      all[count - 1].end = std::max(all[count - 1].end, range.end);
    } else {
      all[count++] = range;
    }
  }
  return count;
}

size_t read_bad_pages(std::string_view text, const char* name, std::span<Range> out,
                      const mm::Printer& findings) {
  // Each line on a firmware's console takes its time.
  constexpr unsigned kShown = 16;
  unsigned wrongs = 0;
  size_t count = 0;
  for_each_line(text, [&](const Line& line, unsigned number) {
    std::string_view rest = without_blanks(line.text);
    if (rest.empty() || rest.front() == '#') return;
    const char* wrong = nullptr;
    if (!line.ended) {
      wrong = "it has no end and may be cut off; press Enter behind it";
    } else if (!check_sum(rest)) {
      wrong = "its sum is another; delete it with the sum, or only the sum";
    } else {
      wrong = take_range(rest, out[count]);
    }
    if (wrong == nullptr) {
      ++count;
    } else if (wrongs++ < kShown) {
      findings.line("{}: line {} ignored: {}", name, number, wrong);
    }
  });
  if (wrongs > kShown) findings.line("{}: {} more lines ignored", name, wrongs - kShown);
  return merge_ranges(out.first(count));
}

size_t read_bad_words(std::string_view text, const char* name, std::span<Range> out,
                      const mm::Printer& findings) {
  size_t count = 0;
  while (!text.empty()) {
    size_t length = 0;
    while (length < text.size() && !separates(text[length])) ++length;
    const std::string_view word(text.data(), length);
    text.remove_prefix(std::min(length + 1, text.size()));
    if (word.empty()) continue;
    std::string_view rest = word;
    if (const char* const wrong = take_range(rest, out[count]); wrong != nullptr) {
      findings.line("{}: \"{}\" ignored: {}", name, word, wrong);
    } else {
      ++count;
    }
  }
  return merge_ranges(out.first(count));
}

bool is_of_list(std::span<const Range> listed, Range range) {
  const auto after = [](mm::Phys at, const Range& one) { return at < one.end; };
  const auto first = std::upper_bound(listed.begin(), listed.end(), range.start, after);
  if (first == listed.end() || range.start < first->start) return false;
  for (auto at = first;; ++at) {
    if (range.end <= at->end) return true;
    const auto next = at + 1;
    if (next == listed.end() || range.end <= next->start) return false;
    if (next->start - at->end > kMostBetween) return false;
  }
}

bool is_whole(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text.ends_with(kEnd);
}

size_t write_bad_pages(std::string_view before, std::span<const Range> known,
                       const FoundBadPages& found, const mm::Printer& out) {
  if (before.empty()) out.text(kHead);
  for_each_line(before, [&](const Line& line, unsigned) {
    const std::string_view text = without_blanks(line.text);
    if (text == kEnd) return;
    // What was ignored as it may be cut off is not to count from now on.
    if (!line.ended && !text.empty() && text.front() != '#') out.text(kCutOff);
    out.text(line.text);
    out.text("\n");
  });
  size_t added = 0;
  for (size_t i = 0; i < found.head.count; ++i) {
    const BadPagesEntry entry = found.at(i);
    if (covers(known, entry.range)) continue;
    print_entry(found.head, entry, out);
    ++added;
  }
  out.line("{}", kEnd);
  return added;
}

// --- Keeping them --------------------------------------------------------------------------------

namespace {

// Bytes of it below an address.
uint64_t below(mm::Phys end, Range range) {
  return range.start < end ? std::min(end, range.end) - range.start : 0;
}

// Of the memory that only a part of all programs and devices can do without.
mm::Result<> check_that_enough_stays(const EfiMemoryMap& map, std::span<const Range> take) {
  for (const uint64_t limit : {mm::kMiB, 4 * mm::kGiB, mm::kMaxPhys}) {
    uint64_t free = 0, taken = 0;
    for (size_t i = 0; i < map.count(); ++i) {
      const auto range = range_of(map.at(i));
      const bool is_free = map.at(i).type == EfiMemoryType::Conventional;
      if (range.ok() && is_free) free += below(mm::Phys{limit}, range.value());
    }
    for (const Range& range : take) taken += below(mm::Phys{limit}, range);
    if (taken <= free / 2) continue;
    return mm::Error{
        "would take more than half of the {} KiB that are free below {:#x}: not believed, and "
        "nothing is kept",
        "the list", free / mm::kKiB, limit};
  }
  return {};
}

}  // namespace

mm::Result<Withholding> plan_withholding(const EfiMemoryMap& map, std::span<const Range> bad,
                                         std::span<Range> take, std::span<HeldPages> held) {
  Withholding plan;
  for (const Range& range : bad) plan.nowhere += range.size();
  for (size_t i = 0; i < map.count(); ++i) {
    const EfiMemoryType type = map.at(i).type;
    const auto bytes = range_of(map.at(i));
    if (!bytes.ok()) continue;
    for (const Range& range : bad) {
      const Range part = range.clip(bytes.value());
      if (part.empty()) continue;
      plan.nowhere -= std::min(plan.nowhere, part.size());
      if (type == EfiMemoryType::Unusable) continue;  // nobody gets it as it is
      if (plan.take == take.size() || plan.held == held.size()) {
        return mm::Error{"descriptors overlap so that there is no room for all parts (parts {})",
                         "bad pages", plan.take + plan.held};
      }
      if (type == EfiMemoryType::Conventional) {
        take[plan.take++] = part;
      } else {
        held[plan.held++] = {part, type};
      }
    }
  }
  plan.take = merge_ranges(take.first(plan.take));
  const auto all_free = [&](const Range& one, const Range& next) {
    for (size_t i = 0; i < map.count(); ++i) {
      const auto bytes = range_of(map.at(i));
      if (bytes.ok() && map.at(i).type == EfiMemoryType::Conventional &&
          bytes.value().start <= one.start && next.end <= bytes.value().end) {
        return true;
      }
    }
    return false;
  };
  const Joined joined = join_nearest(take.first(plan.take), kMostWithheld, all_free);
  plan.take = joined.count;
  plan.good = joined.between;
  BATON_TRY(check_that_enough_stays(map, take.first(plan.take)));
  return plan;
}

}  // namespace loader
