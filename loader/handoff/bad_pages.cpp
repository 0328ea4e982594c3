#include "loader/handoff/bad_pages.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace loader {

BadPagesEntry FoundBadPages::at(size_t index) const {
  BadPagesEntry entry;
  std::memcpy(&entry, entries.data() + index * sizeof(entry), sizeof(entry));
  return entry;
}

mm::Result<FoundBadPages> parse_found(std::span<const uint8_t> bytes) {
  constexpr const char* kSubject = "BatonBadPages";
  FoundBadPages found;
  if (bytes.size() < sizeof(found.head)) {
    return mm::Error{"too small (bytes {})", kSubject, bytes.size()};
  }
  std::memcpy(&found.head, bytes.data(), sizeof(found.head));
  const BadPagesHead& head = found.head;
  if (head.magic != BadPagesHead::kMagic || head.version != BadPagesHead::kVersion) {
    return mm::Error{"none of this version's (magic {:#x}, version {})", kSubject, head.magic,
                     head.version};
  }
  found.entries = bytes.subspan(sizeof(head));
  if (found.entries.size() != head.count * sizeof(BadPagesEntry)) {
    return mm::Error{"its size is not what it has entries for (bytes {}, entries {})", kSubject,
                     bytes.size(), head.count};
  }
  if (const uint32_t crc = crc32(found.entries); crc != head.crc) {
    return mm::Error{"its CRC32 is another (stored {:#x}, computed {:#x})", kSubject, head.crc,
                     crc};
  }
  for (size_t i = 0; i < head.count; ++i) {
    const BadPagesEntry entry = found.at(i);
    const auto is_text = [](const char(&text)[24]) {
      const char* const end = std::find(std::begin(text), std::end(text), '\0');
      return end != std::end(text) &&
             std::all_of(std::begin(text), end, [](char c) { return c >= ' ' && c <= '~'; });
    };
    const bool pages = entry.range.start < entry.range.end && entry.range.end.v <= mm::kMaxPhys &&
                       mm::whole_pages(entry.range) == entry.range;
    if (!pages || !is_text(entry.found_by) || !is_text(entry.module)) {
      return mm::Error{"an entry means nothing (entry {}, start {:#x})", kSubject, i,
                       entry.range.start.v};
    }
  }
  return found;
}

}  // namespace loader
