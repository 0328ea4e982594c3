#include "mm/firmware_ram.h"

#include <algorithm>

#include "mm/sorted_ranges.h"

namespace mm {
namespace {

// Looks claims up. Where the last one was found the search goes on: lists are mostly in order.
class Lookup {
 public:
  Lookup(const FirmwareClaims& claims, size_t count) : claims_(claims), count_(count) {}

  // Walks a range from claim to claim of a kind. Calls with(Range) for what such claims have, in
  // pieces, and without(Range) for what none has.
  template <class With, class Without>
  void walk(Range range, bool usable, With with, Without without) {
    for (Phys at = range.start; at < range.end;) {
      const Range piece = stretch(at, usable).clip(range);
      if (found_) {
        with(piece);
      } else {
        without(piece);
      }
      at = piece.end;
    }
  }

 private:
  // From `at` to the end of a claim that has it; or to where the next claim starts.
  Range stretch(Phys at, bool usable) {
    Phys next{kMaxPhys};
    found_ = false;
    for (size_t i = 0; i < count_; ++i) {
      const size_t index = hint_ + i < count_ ? hint_ + i : hint_ + i - count_;
      const FirmwareClaim claim = claims_.at(claims_.context, index);
      if (claim.usable != usable || claim.range.empty()) continue;
      if (claim.range.contains(at)) {
        hint_ = index;
        found_ = true;
        return {at, claim.range.end};
      }
      if (claim.range.start > at) next = std::min(next, claim.range.start);
    }
    return {at, next};
  }

  const FirmwareClaims& claims_;
  size_t count_;
  size_t hint_ = 0;
  bool found_ = false;
};

void note(Range& first, Range range) {
  if (first.empty()) first = range;
}

// What of a usable claim e820 does not call usable.
template <class Visit>
void for_each_not_usable(const E820Table& e820, Range range, Visit visit) {
  const std::span<const E820Entry> entries = e820.entries();
  Phys at = range.start;
  for (size_t i = first_ending_after(entries, at);
       i < entries.size() && entries[i].range.start < range.end; ++i) {
    if (entries[i].type != E820Type::Ram) continue;
    if (entries[i].range.start > at) visit(Range{at, entries[i].range.start});
    at = std::min(entries[i].range.end, range.end);
  }
  if (at < range.end) visit(Range{at, range.end});
}

}  // namespace

FirmwareClaims claims_of(const std::span<const E820Entry>& entries) {
  return {entries.size(),
          [](const void* context, size_t index) {
            const E820Entry& entry =
                (*static_cast<const std::span<const E820Entry>*>(context))[index];
            return FirmwareClaim{entry.range, entry.type == E820Type::Ram};
          },
          &entries};
}

FirmwareRam account_firmware_ram(const FirmwareClaims& claims, const E820Table& e820) {
  FirmwareRam ram;
  ram.usable = e820.total(E820Type::Ram);
  Phys end;  // of all usable claims so far
  Lookup others(claims, claims.count);
  for (size_t i = 0; i < claims.count; ++i) {
    const FirmwareClaim claim = claims.at(claims.context, i);
    if (!claim.usable) continue;
    if (claim.range.empty()) {
      ++ram.unbelievable;
      continue;
    }
    ram.claimed += claim.range.size();
    const auto once = [&](Range mine) {
      for_each_not_usable(e820, mine, [&](Range range) {
        others.walk(
            range, false, [&](Range piece) { ram.stricter += piece.size(); },
            [&](Range piece) {
              ram.lost += piece.size();
              note(ram.first_lost, piece);
            });
      });
    };
    if (claim.range.start >= end) {
      once(claim.range);
    } else {
      Lookup(claims, i).walk(
          claim.range, true, [&](Range piece) { ram.twice += piece.size(); }, once);
    }
    end = std::max(end, claim.range.end);
  }
  for (const E820Entry& entry : e820.entries()) {
    if (entry.type != E820Type::Ram) continue;
    others.walk(
        entry.range, true, [](Range) {},
        [&](Range piece) {
          ram.invented += piece.size();
          note(ram.first_invented, piece);
        });
  }
  return ram;
}

}  // namespace mm
