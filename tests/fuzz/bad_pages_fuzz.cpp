// A list of bad pages of any content, and a variable of any: what is read is whole pages in order, and
// writing the list anew neither loses a range nor makes one up.
//
// The input is how many bytes the variable has (two bytes), those, and the list.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "loader/bad_pages.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::check;

std::vector<mm::Range> read(const std::string& text) {
  std::vector<mm::Range> ranges(loader::most_bad_ranges(text));
  ranges.resize(loader::read_bad_pages(text, "list", ranges, {}));
  for (size_t i = 0; i < ranges.size(); ++i) {
    check(!ranges[i].empty() && mm::whole_pages(ranges[i]) == ranges[i]);
    check(ranges[i].end.v <= mm::kMaxPhys);
    check(i == 0 || ranges[i - 1].end < ranges[i].start);
  }
  return ranges;
}

// With the words of a configuration, too, which must come to as many at most.
void read_words(const std::string& text) {
  std::vector<mm::Range> ranges(loader::most_bad_ranges(text));
  check(loader::read_bad_words(text, "badpages", ranges, {}) <= ranges.size());
}

std::string written(const std::string& before, const loader::FoundBadPages& found) {
  std::string text;
  const auto known = read(before);
  (void)loader::write_bad_pages(
      before, known, found,
      {[](void* to, std::string_view said) { static_cast<std::string*>(to)->append(said); },
       &text});
  return text;
}

}  // namespace

FUZZ_TARGET(bad_pages) {
  if (size < 2) return;
  const size_t stored = std::min<size_t>(data[0] | size_t{data[1]} << 8, size - 2);
  const std::string text(reinterpret_cast<const char*>(data) + 2 + stored, size - 2 - stored);
  const auto before = read(text);
  read_words(text);
  // A sum that is right by chance is rare: it is made so.
  std::vector<uint8_t> variable(data + 2, data + 2 + stored);
  if (variable.size() >= sizeof(loader::BadPagesHead)) {
    loader::BadPagesHead head;
    std::memcpy(&head, variable.data(), sizeof head);
    head.magic = loader::BadPagesHead::kMagic;
    head.version = loader::BadPagesHead::kVersion;
    const auto rest = std::span(variable).subspan(sizeof head);
    head.count = static_cast<uint16_t>(rest.size() / sizeof(loader::BadPagesEntry));
    head.crc = loader::crc32(rest);
    std::memcpy(variable.data(), &head, sizeof head);
  }
  const auto found = loader::parse_found(variable);
  const loader::FoundBadPages none{};
  const std::string again = written(text, found.ok() ? found.value() : none);
  check(loader::is_whole(again));
  std::vector<mm::Range> all = before;
  for (size_t i = 0; found.ok() && i < found.value().head.count; ++i) {
    all.push_back(found.value().at(i).range);
  }
  all.resize(loader::merge_ranges(all));
  check(read(again) == all);
}
