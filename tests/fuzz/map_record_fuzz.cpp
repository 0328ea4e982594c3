// A record of the firmware's map of any content, against a firmware's map of any content: what is read
// is written again as it was, and what has moved can be told both ways.
//
// The input is how many descriptors there are (one byte), those, and the file; where it is Baton's but
// for its sum, that is made right.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "loader/handoff/crc32.h"
#include "loader/map_record.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;
using fuzz::printed_by;

using loader::MapChange;
using loader::MapRange;

std::vector<MapChange> compare(std::vector<MapRange> before, std::vector<MapRange> after) {
  std::vector<MapChange> changes(loader::map_changes_room(before.size(), after.size()));
  changes.resize(loader::compare_maps(before, after, changes));
  const std::string text =
      printed_by([&](const mm::Printer& out) { loader::print_map_changes(changes, {}, out); });
  check(text.size() <= 4095);
  return changes;
}

std::string with_right_sum(std::string text) {
  const size_t at = text.rfind("sum=");
  if (at == std::string::npos) return text;
  const uint32_t sum = loader::crc32({reinterpret_cast<const uint8_t*>(text.data()), at});
  return text.substr(0, at) +
         printed_by([&](const mm::Printer& out) { out.line("sum={:08x}", sum); });
}

}  // namespace

FUZZ_TARGET(map_record) {
  if (size < 1) return;
  constexpr size_t kEach = sizeof(loader::EfiDescriptor);
  const size_t descriptors = std::min<size_t>(data[0], (size - 1) / kEach);
  const auto* const behind = data + 1 + descriptors * kEach;
  const std::string text =
      with_right_sum({reinterpret_cast<const char*>(behind), size - 1 - descriptors * kEach});

  const std::vector<uint8_t> bytes(data + 1, behind);
  std::vector<MapRange> now(descriptors);
  now.resize(loader::record_map({std::as_bytes(std::span(bytes)), kEach}, {}, now));

  std::vector<MapRange> before(loader::most_map_ranges(text));
  const auto record = loader::parse_map_record(text, "map.txt", before);
  before.resize(record.ok() ? record.value().count : 0);
  if (record.ok()) {
    const std::string again = printed_by([&](const mm::Printer& out) {
      loader::print_map_record(before, record.value().since, out);
    });
    std::vector<MapRange> read(loader::most_map_ranges(again));
    const auto second = loader::parse_map_record(again, "map.txt", read);
    check(second.ok() && second.value().count == before.size());
    read.resize(before.size());
    check(read == before);
  }
  check(compare(now, now).empty());
  check(compare(before, now).size() == compare(now, before).size());
}
