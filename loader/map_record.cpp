#include "loader/map_record.h"

#include <algorithm>
#include <array>

#include "loader/bad_pages.h"
#include "loader/handoff/crc32.h"
#include "mm/size_text.h"

namespace loader {
namespace {

using mm::Phys;

constexpr std::string_view kHead =
    "# The firmware's memory map, as Baton compares it with the next start's: first and last\n"
    "# address, UEFI's number of the type, its name.\n";
constexpr std::string_view kSince = "since ";
constexpr std::string_view kSum = "sum=";
constexpr size_t kDigits = 16;                     // of an address
constexpr size_t kShortestLine = 2 * kDigits + 5;  // with one digit and one letter for the type

uint32_t sum_of(std::string_view text, uint32_t before = 0) {
  return crc32({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, before);
}

std::string_view take(std::string_view& text, size_t length) {
  const std::string_view taken(text.data(), std::min(length, text.size()));
  text.remove_prefix(taken.size());
  return taken;
}
bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}
// Without its end; nothing where that is missing.
std::optional<std::string_view> take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = take(text, end);
  text.remove_prefix(1);
  return line;
}

std::optional<MapDate> parse_date(std::string_view text) {
  if (text == "no clock") return MapDate{};
  const auto number = [&](size_t digits, std::string_view behind, uint64_t most) {
    const auto value = mm::number_of(take(text, digits), 10, most);
    return take_word(text, behind) ? value : std::nullopt;
  };
  const auto year = number(4, "-", 9999);
  const auto month = number(2, "-", 12);
  const auto day = number(2, " ", 31);
  const auto hour = number(2, ":", 23);
  const auto minute = number(2, "", 59);
  if (!year || !month || !day || !hour || !minute || !text.empty()) return std::nullopt;
  return MapDate{static_cast<uint16_t>(*year), static_cast<uint8_t>(*month),
                 static_cast<uint8_t>(*day), static_cast<uint8_t>(*hour),
                 static_cast<uint8_t>(*minute)};
}

std::optional<MapRange> parse_range(std::string_view line) {
  const auto first = mm::number_of(take(line, kDigits), 16, mm::kMaxPhys - 1);
  if (!take_word(line, "-")) return std::nullopt;
  const auto last = mm::number_of(take(line, kDigits), 16, mm::kMaxPhys - 1);
  if (!take_word(line, " ")) return std::nullopt;
  const auto type =
      mm::number_of(take(line, std::min(line.find(' '), line.size())), 10, ~uint32_t{0});
  if (!take_word(line, " ") || line.empty()) return std::nullopt;  // the type's name
  if (!first || !last || !type || *last < *first) return std::nullopt;
  const mm::Range range{Phys{*first}, Phys{*last + 1}};
  if (mm::whole_pages(range) != range) return std::nullopt;
  return MapRange{range, static_cast<EfiMemoryType>(*type)};
}

void print_date(const MapDate& date, const mm::Printer& out) {
  if (date.year == 0) return out.text("no clock");
  out.part("{:04}-{:02}-{:02} {:02}:{:02}", date.year, date.month, date.day, date.hour,
           date.minute);
}

bool in_order(const MapRange& a, const MapRange& b) {
  if (a.range.start != b.range.start) return a.range.start < b.range.start;
  return a.type != b.type ? a.type < b.type : a.range.end < b.range.end;
}

// --- Comparing ---

// Marks and tells pairs as they are found; `both` of two ranges that are not matched yet.
class Comparison {
 public:
  Comparison(std::span<MapRange> before, std::span<MapRange> after, std::span<MapChange> out)
      : before_(before), after_(after), out_(out) {}

  // Pairs each range of before with the first of after that `belong` says; both in order.
  template <class Belong>
  void pair(MapChange::Kind kind, Belong belong) {
    for (MapRange& a : before_) {
      if (a.matched) continue;
      for (MapRange& b : after_) {
        if (b.matched || !belong(a, b)) continue;
        a.matched = b.matched = true;
        if (!(a == b)) add(kind, a, b);
        break;
      }
    }
  }
  [[nodiscard]] static size_t left(std::span<const MapRange> map, EfiMemoryType type) {
    return static_cast<size_t>(std::count_if(map.begin(), map.end(), [&](const MapRange& range) {
      return !range.matched && range.type == type;
    }));
  }
  // Where both have as many left of a type.
  void pair_the_rest() {
    for (const MapRange& a : before_) {
      if (a.matched || left(before_, a.type) != left(after_, a.type)) continue;
      const EfiMemoryType type = a.type;
      pair(MapChange::Kind::Moved,
           [&](const MapRange& x, const MapRange& y) { return x.type == type && y.type == type; });
    }
  }
  void add_the_rest() {
    for (const MapRange& a : before_) {
      if (!a.matched) add(MapChange::Kind::Went, a, {});
    }
    for (const MapRange& b : after_) {
      if (!b.matched) add(MapChange::Kind::Appeared, {}, b);
    }
  }
  void add(MapChange::Kind kind, const MapRange& a, const MapRange& b) {
    out_[count_++] = {kind, a, b};
  }
  [[nodiscard]] size_t count() const { return count_; }

 private:
  std::span<MapRange> before_, after_;
  std::span<MapChange> out_;
  size_t count_ = 0;
};

// As one range from 0; the ranges themselves count as matched.
MapRange take_usable(std::span<MapRange> map) {
  MapRange all{{}, EfiMemoryType::Conventional};
  for (MapRange& range : map) {
    range.matched = range.type == EfiMemoryType::Conventional;
    if (range.matched) all.range.end = all.range.end + range.range.size();
  }
  return all;
}

// --- In words ---

constexpr const char* pages_word(uint64_t count) { return count == 1 ? "page" : "pages"; }
constexpr uint64_t in_pages(uint64_t bytes) { return bytes / mm::kPageSize; }
constexpr uint64_t distance(uint64_t a, uint64_t b) { return a < b ? b - a : a - b; }

void print_type(EfiMemoryType type, const mm::Printer& out) {
  if (const char* const name = efi_type_name(type); name != nullptr) return out.part("{}", name);
  out.part("type {:#x}", static_cast<uint32_t>(type));
}

void print_place(const MapRange& range, const mm::Printer& out) {
  print_type(range.type, out);
  const uint64_t pages = in_pages(range.range.size());
  out.part(" at {}, {} {},", range.range.start, pages, pages_word(pages));
}

void print_moved(const mm::Range& before, const mm::Range& after, const mm::Printer& out) {
  const bool moved = before.start != after.start && before.end != after.end;
  if (moved) {
    const uint64_t by = in_pages(distance(before.start.v, after.start.v));
    out.part(" moved by {}{} {}", after.start < before.start ? "-" : "+", by, pages_word(by));
  }
  if (before.size() == after.size()) return;
  const uint64_t by = in_pages(distance(before.size(), after.size()));
  out.part("{} {} by {} {}", moved ? " and" : "", after.size() < before.size() ? "shrank" : "grew",
           by, pages_word(by));
  if (!moved) out.part(" at its {}", before.start == after.start ? "end" : "beginning");
}

void print_usable(uint64_t before, uint64_t after, const mm::Printer& out) {
  if (before == after) return out.text("usable memory lies elsewhere");
  out.part("usable memory is {} KiB {}: {} MiB", distance(before, after) / mm::kKiB,
           after < before ? "less" : "more", after / mm::kMiB);
}

}  // namespace

// --- The record ----------------------------------------------------------------------------------

MapDate map_date(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute) {
  if (year > 9999 || month > 12 || day > 31 || hour > 23 || minute > 59) return {};
  return {static_cast<uint16_t>(year), static_cast<uint8_t>(month), static_cast<uint8_t>(day),
          static_cast<uint8_t>(hour), static_cast<uint8_t>(minute)};
}

size_t record_map(const EfiMemoryMap& map, std::span<const mm::Range> listed,
                  std::span<MapRange> out) {
  size_t all = 0;
  for (size_t i = 0; i < map.count(); ++i) {
    const EfiDescriptor d = map.at(i);
    const auto range = range_of(d);
    if (!range.ok()) continue;
    const mm::Range pages = mm::whole_pages(range.value());
    // Unusable, or reserved where the firmware does not give that.
    const bool taken = d.type == EfiMemoryType::Unusable || d.type == EfiMemoryType::Reserved;
    const bool usable = e820_type(d) == mm::E820Type::Ram || (taken && is_of_list(listed, pages));
    out[all++] = {pages, usable ? EfiMemoryType::Conventional : d.type};
  }
  const auto ranges = out.first(all);
  std::sort(ranges.begin(), ranges.end(), in_order);
  size_t count = 0;
  for (const MapRange& range : ranges) {
    if (count != 0 && out[count - 1].type == range.type &&
        out[count - 1].range.end == range.range.start) {
      out[count - 1].range.end = range.range.end;
    } else {
      out[count++] = range;
    }
  }
  return count;
}

size_t most_map_ranges(std::string_view text) { return text.size() / kShortestLine + 1; }

mm::Result<MapRecord> parse_map_record(std::string_view text, const char* name,
                                       std::span<MapRange> out) {
  const std::string_view whole = text;
  if (!take_word(text, kHead)) return mm::Error{"does not begin as Baton's does", name};
  MapRecord record;
  auto line = take_line(text);
  if (!line || !take_word(*line, kSince)) return mm::Error{"line 3 is no date", name};
  const auto since = parse_date(*line);
  if (!since) return mm::Error{"line 3 is no date", name};
  record.since = *since;
  for (unsigned number = 4;; ++number) {
    const size_t before = whole.size() - text.size();
    line = take_line(text);
    if (!line) return mm::Error{"ends in line {}: it was not written whole", name, number};
    if (take_word(*line, kSum)) {
      const auto sum = mm::number_of(*line, 16, ~uint32_t{0});
      const uint32_t right = sum_of({whole.data(), before});
      if (sum != right || !text.empty()) {
        return mm::Error{"line {}: the sum is another, or not the end: damaged", name, number};
      }
      return record;
    }
    const auto range = parse_range(*line);
    const bool ascends =
        range && (record.count == 0 || out[record.count - 1].range.start <= range->range.start);
    if (!ascends) return mm::Error{"line {} is no range, or out of order", name, number};
    if (record.count == out.size())
      return mm::Error{"line {}: more ranges than room", name, number};
    out[record.count++] = *range;
  }
}

void print_map_record(std::span<const MapRange> map, const MapDate& since, const mm::Printer& out) {
  // What goes out is summed up on its way.
  struct Summed {
    const mm::Printer& out;
    uint32_t sum = 0;
    static void take(void* self, std::string_view text) {
      auto& summed = *static_cast<Summed*>(self);
      summed.sum = sum_of(text, summed.sum);
      summed.out.text(text);
    }
  } summed{out};
  const mm::Printer to(&Summed::take, &summed);
  to.text(kHead);
  to.text(kSince);
  print_date(since, to);
  to.text("\n");
  for (const MapRange& range : map) {
    to.part("{:016x}-{:016x} {} ", range.range.start.v, range.range.end.v - 1,
            static_cast<uint32_t>(range.type));
    print_type(range.type, to);
    to.text("\n");
  }
  out.line("{}{:08x}", kSum, summed.sum);
}

// --- What has moved ------------------------------------------------------------------------------

size_t compare_maps(std::span<MapRange> before, std::span<MapRange> after,
                    std::span<MapChange> out) {
  const bool same = std::equal(before.begin(), before.end(), after.begin(), after.end());
  if (same) return 0;
  Comparison comparison(before, after, out);
  const MapRange usable_before = take_usable(before);
  const MapRange usable_after = take_usable(after);
  using Kind = MapChange::Kind;
  const auto same_type = [](const MapRange& a, const MapRange& b) { return a.type == b.type; };
  comparison.pair(Kind::Moved, [](const MapRange& a, const MapRange& b) { return a == b; });
  comparison.pair(Kind::Retyped,
                  [](const MapRange& a, const MapRange& b) { return a.range == b.range; });
  comparison.pair(Kind::Moved, [&](const MapRange& a, const MapRange& b) {
    return same_type(a, b) && a.range.size() == b.range.size();
  });
  comparison.pair(Kind::Moved, [&](const MapRange& a, const MapRange& b) {
    return same_type(a, b) && a.range.overlaps(b.range);
  });
  comparison.pair_the_rest();
  comparison.add_the_rest();
  const bool alone = comparison.count() == 0;
  const auto told = out.first(comparison.count());
  std::sort(told.begin(), told.end(),
            [](const MapChange& a, const MapChange& b) { return a.at() < b.at(); });
  if (!alone && usable_before == usable_after) return comparison.count();
  comparison.add(Kind::Usable, usable_before, usable_after);
  std::rotate(out.begin(), out.begin() + static_cast<ptrdiff_t>(comparison.count()) - 1,
              out.begin() + static_cast<ptrdiff_t>(comparison.count()));
  return comparison.count();
}

bool must_stay(EfiMemoryType type) {
  using enum EfiMemoryType;
  return type == AcpiReclaim || type == AcpiNvs || type == RuntimeServicesCode ||
         type == RuntimeServicesData;
}

bool must_stay(const MapChange& change) {
  if (change.kind == MapChange::Kind::Appeared) return must_stay(change.after.type);
  if (change.kind == MapChange::Kind::Went) return must_stay(change.before.type);
  return must_stay(change.before.type) || must_stay(change.after.type);
}

void print_map_change(const MapChange& change, const mm::Printer& out) {
  using Kind = MapChange::Kind;
  if (change.kind == Kind::Usable) {
    return print_usable(change.before.range.size(), change.after.range.size(), out);
  }
  print_place(change.kind == Kind::Appeared ? change.after : change.before, out);
  switch (change.kind) {
    case Kind::Moved:
      return print_moved(change.before.range, change.after.range, out);
    case Kind::Retyped:
      out.text(" is now ");
      return print_type(change.after.type, out);
    case Kind::Appeared:
      return out.text(" is new");
    default:
      return out.text(" is no longer there");
  }
}

void print_map_changes(std::span<const MapChange> changes, const MapDate& since,
                       const mm::Printer& out) {
  constexpr size_t kShown = 24;
  out.part("the firmware's memory map {} since ", changes.empty() ? "is the same" : "has changed");
  print_date(since, out);
  out.text("\n");
  for (const MapChange& change : changes.first(std::min(changes.size(), kShown))) {
    out.text("  ");
    print_map_change(change, out);
    out.text("\n");
  }
  if (changes.size() > kShown) out.line("  and {} more", changes.size() - kShown);
}

}  // namespace loader
