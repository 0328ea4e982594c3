// \baton\map.txt and map.old, as Baton leaves them on the ESP (loader/map_record.h): the firmware's
// map, in which all that e820 calls usable is one type.
//
//   # The firmware's memory map, as Baton compares it with the next start's: first and last
//   # address, UEFI's number of the type, its name.
//   since 2026-07-01 12:00
//   0000000000000000-000000000009ffff 7 Conventional Memory
//   sum=1a2b3c4d
//
// Lines are read wherever they were pasted; whether a file is whole, program/ looks.
#include <algorithm>

#include "tools/replay/formats/format.h"

namespace replay {
namespace {

using LineKind = MapLine::Kind;

constexpr size_t kDigits = 16;

std::optional<uint64_t> take_address(std::string_view& text) {
  std::string_view digits = text.substr(0, kDigits);
  if (digits.size() != kDigits) return std::nullopt;
  const auto value = take_number(digits, 16);
  if (!digits.empty()) return std::nullopt;
  text.remove_prefix(kDigits);
  return value;
}

MapLine line_of(std::string_view text) {
  MapLine found;
  const size_t between = text.find('-');
  if (between == std::string_view::npos || between < kDigits) return found;
  text.remove_prefix(between - kDigits);
  const auto first = take_address(text);
  const auto last = take_word(text, "-") ? take_address(text) : std::nullopt;
  if (!first || !last || !take_word(text, " ")) return found;
  const auto type = take_number(text, 10);
  if (!type || *type > UINT32_MAX || !take_word(text, " ") || text.empty()) return found;
  // The number alone would also be somebody's remark.
  if ((text.front() < 'A' || text.front() > 'Z') && text.front() != 't') return found;
  if (*last < *first || (*last - *first + 1) % mm::kPageSize != 0) {
    found.kind = LineKind::Bad;
    return found;
  }
  return efi_line(static_cast<unsigned>(*type), 0, *first, (*last - *first + 1) / mm::kPageSize);
}

}  // namespace

constinit const Format kMapRecordFormat{.name = "the map that Baton keeps (\\baton\\map.txt)",
                                        .line = line_of};

}  // namespace replay
