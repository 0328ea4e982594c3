// The UEFI variable in which pages that a run found bad wait for the next start of Baton, which writes
// them to the ESP (loader/bad_pages.h). Both sides of the jump, and two starts that may be of different
// versions, must agree on this.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "loader/handoff/crc32.h"
#include "mm/result.h"
#include "mm/types.h"

namespace loader {

// Its vendor is the report's (loader/handoff/report_variable.h).
inline constexpr const char16_t* kBadPagesVariable = u"BatonBadPages";

struct BadPagesHead {
  static constexpr uint32_t kMagic = 0x424e5442;  // "BTNB", little endian
  static constexpr uint16_t kVersion = 1;

  uint32_t magic = kMagic;
  uint16_t version = kVersion;
  uint16_t count = 0;  // of entries, which follow
  // When the run ended, by the firmware's clock; year 0: it has none.
  uint16_t year = 0;
  uint8_t month = 0, day = 0;
  uint32_t crc = 0;  // of the entries
};
static_assert(sizeof(BadPagesHead) == 16);

struct BadPagesEntry {
  mm::Range range;    // whole pages
  char found_by[24];  // printable ASCII, NUL-terminated, as is the next
  char module[24];    // the memory module's locator; empty: not known
};
static_assert(sizeof(BadPagesEntry) == 64);

// Of as many as a variable of 4 KiB holds.
inline constexpr size_t kMostBadPagesEntries = 63;
inline constexpr size_t kMaxBadPages =
    sizeof(BadPagesHead) + kMostBadPagesEntries * sizeof(BadPagesEntry);
static_assert(kMaxBadPages <= 4096);

// What a run left in the variable. Fails when it is none of that, and says what is wrong.
struct FoundBadPages {
  BadPagesHead head;
  std::span<const uint8_t> entries;
  [[nodiscard]] BadPagesEntry at(size_t index) const;
};
mm::Result<FoundBadPages> parse_found(std::span<const uint8_t> bytes);

constexpr mm::Range& extent(mm::Range& range) { return range; }
constexpr mm::Range& extent(BadPagesEntry& entry) { return entry.range; }

// What lies between two that are joined is good memory: no more than this is given up at a time.
inline constexpr uint64_t kMostBetween = mm::kMiB;

// Ranges or entries, ascending and disjoint, made as few as `most` by joining neighbours, the nearest
// first, that may_join(one, next) allows and that are not farther apart; of the two the first stays.
// Where that is not enough they stay more.
struct Joined {
  size_t count = 0;
  uint64_t between = 0;  // bytes that are in none of those there were
};
template <class Item, class MayJoin>
Joined join_nearest(std::span<Item> items, size_t most, MayJoin may_join) {
  constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();
  Joined joined{items.size(), 0};
  while (joined.count > most) {
    size_t best = 0;
    uint64_t nearest = kNever;
    for (size_t i = 0; i + 1 < joined.count; ++i) {
      const uint64_t gap = extent(items[i + 1]).start - extent(items[i]).end;
      if (gap < nearest && gap <= kMostBetween && may_join(items[i], items[i + 1])) {
        nearest = gap;
        best = i;
      }
    }
    if (nearest == kNever) break;
    extent(items[best]).end = extent(items[best + 1]).end;
    const auto rest = items.subspan(best + 1, joined.count - best - 1);
    std::copy(rest.begin() + 1, rest.end(), rest.begin());
    --joined.count;
    joined.between += nearest;
  }
  return joined;
}

}  // namespace loader
