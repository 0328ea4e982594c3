// Two maps of one address space held against each other: what moved, grew, came and went.
//
// On the host, for maps of any kind and length; the loader's (loader/map_record.h) compares two
// firmware's maps without an allocator, and pairs their ranges by other rules (of one type, those that
// overlap), so that they share nothing.
//
// Pure. A map is ranges with names (types of e820, reservations), in any order. A range is the same
// in both when it has the same name and borders; the others are paired: same name and size is a
// move, same name and one border a change of size. What finds no partner is gone, or new.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mm/types.h"

namespace replay {

struct NamedRange {
  mm::Range range;
  std::string name;

  friend bool operator==(const NamedRange&, const NamedRange&) = default;
};

struct Change {
  enum class Kind { Moved, Resized, Gone, New };
  Kind kind = Kind::Moved;
  std::string name;
  mm::Range before, after;  // empty: there was none

  // By how many bytes it lies higher; negative: lower.
  [[nodiscard]] int64_t distance() const {
    return static_cast<int64_t>(after.start - before.start);
  }
};

// By address.
[[nodiscard]] std::vector<Change> changes_between(std::span<const NamedRange> before,
                                                  std::span<const NamedRange> after);

// A stretch in which one name became another; an empty name is a gap.
struct Retyped {
  mm::Range range;
  std::string before, after;
};
// Where the maps differ byte for byte. Of ranges that overlap within one map the later counts.
[[nodiscard]] std::vector<Retyped> retyped_between(std::span<const NamedRange> before,
                                                   std::span<const NamedRange> after);

}  // namespace replay
