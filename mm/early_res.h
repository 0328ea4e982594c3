// Early reservations: memory in use before an allocator exists, each range with a name.
//
// Linux 2.6.3x's early_res[] (kernel/early_res.c): reserve_early() names what is taken,
// find_e820_area() finds room between what is usable and what is reserved. The list is sorted by
// address and disjoint. Ranges are in bytes and need not be page-aligned.
//
// n reservations cost n log n in whatever order they come. One that belongs far below others is not
// put there at once, which would move all of these: it begins a run of its own behind them, sorted
// in itself. Runs of like length are merged, and all of them when the list is read: where others may
// read it at the same time, who has changed it calls settle() first.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "mm/direct_map.h"
#include "mm/e820.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/sorted_ranges.h"
#include "mm/types.h"

namespace mm {

// Also the form it has in the handoff: 32 bytes.
struct Reservation {
  Range range;
  char name[15] = {};      // NUL-terminated: 14 characters at most
  uint8_t overlap_ok = 0;  // 1: a later reservation may take (part of) this range over

  friend bool operator==(const Reservation&, const Reservation&) = default;
};
static_assert(sizeof(Reservation) == 32);

[[nodiscard]] bool has_name(const Reservation& reservation, std::string_view name);

// Those that have a byte in the range, of a list that is sorted and disjoint.
[[nodiscard]] std::span<const Reservation> reservations_within(
    std::span<const Reservation> reservations, Range range);

class EarlyRes {
 public:
  EarlyRes() = default;
  explicit EarlyRes(std::span<Reservation> storage) : storage_(storage) {}

  // From now on a full list moves to a larger one by itself: found in e820, reached through `map`,
  // reserved as "EARLY_RES", the old one released. Without this a full list is an error.
  // Room for growth is taken right after the call that made the list nearly full, so a place just
  // found with find_e820_area() stays free until it is reserved. It lies below `limit`.
  Result<> grow_in(const E820Table& e820, const DirectMap& map, Phys limit = Phys{kMaxPhys});
  // Ends growth: from now on free memory is somebody else's to give. A full list is an error again.
  void stop_growing() { e820_ = nullptr; }
  // Says that the list itself lies at `place`, which is reserved as "EARLY_RES" from now on.
  Result<> reserve_itself(Range place);
  // Whether one more call of reserve() or free() finds room.
  [[nodiscard]] bool has_room() const { return count_ + kSlotsOfOneCall <= storage_.size(); }
  // Moves the list to `place`, reached through `map`: memory of the caller's, page-aligned, that no
  // reservation touches and that is reserved as "EARLY_RES" from now on. The list's old memory
  // stays reserved. Fails when `place` has no room for what is there.
  Result<> move_to(Range place, const DirectMap& map);

  // reserve_early: fails, naming both, where the range overlaps a reservation; parts of
  // reservations made with reserve_overlap_ok give way.
  Result<> reserve(Range range, const char* name) { return add(range, name, false); }
  // reserve_early_overlap_ok: later reservations may overlap this one; it must not overlap earlier.
  Result<> reserve_overlap_ok(Range range, const char* name) { return add(range, name, true); }
  // free_early: whole, head, tail or middle; fails when a byte of the range is not reserved.
  Result<> free(Range range);
  // free() of all reservations of a name, in one pass. First calls visit(entry, before, behind) for
  // each, by address: with the one before it that stays and the one that follows, null where there
  // is none. The visitor does not touch the list.
  template <class Visit>
  void free_named(std::string_view name, Visit visit);
  // Takes reservations another list made: sorted and disjoint, otherwise names the first that is
  // not.
  Result<> adopt(std::span<const Reservation> reservations);

  // Valid, like what overlapping() and find() return, until the list is changed.
  [[nodiscard]] std::span<const Reservation> entries() const {
    settle();
    return storage_.first(count_);
  }
  // Merges what was reserved out of order.
  void settle() const {
    while (runs_ > 1) merge_last_two();
  }
  // How many the list has room for where it lies now: Linux's max_early_res.
  [[nodiscard]] size_t capacity() const { return storage_.size(); }
  // Whether the entry is the list's own memory, which is nobody's reservation but the list's. Linux
  // keeps it as entry 0 of a list that has moved, and passes it over.
  [[nodiscard]] bool is_own(const Reservation& entry) const {
    return !own_.empty() && entry.range == own_;
  }
  // Calls visit(number, entry) for every entry but the list's own, with Linux's numbers: from 1 on
  // where there is an own one, else from 0. Returns how many these were.
  template <class Visit>
  size_t for_each_numbered(Visit visit) const;
  // First reservation that has a byte in the range; null if none.
  [[nodiscard]] const Reservation* overlapping(Range range) const;
  [[nodiscard]] const Reservation* find(Phys address) const {
    return overlapping({address, address + 1});
  }

 private:
  Result<> add(Range range, const char* name, bool overlap_ok);
  [[nodiscard]] Result<> check_room() const;
  Result<> grow_if_nearly_full();
  void carve(Range range);
  void insert(const Reservation& reservation);
  // Index of the first of a run that has a byte in the range; where the run ends, if none has.
  [[nodiscard]] size_t find_in_run(size_t run, Range range) const;
  // The lowest of all runs; null if none.
  [[nodiscard]] const Reservation* find_in_runs(Range range) const;
  [[nodiscard]] const Reservation* lowest_in_the_way(Range range) const;
  [[nodiscard]] size_t end_of_run(size_t run) const {
    return run + 1 < runs_ ? run_starts_[run + 1] : count_;
  }
  [[nodiscard]] size_t free_slots() const { return storage_.size() - count_; }
  void merge_last_two() const;

  // The reservation itself, and a neighbour of which it leaves a head and a tail.
  static constexpr size_t kSlotsOfOneCall = 2;
  // What is moved up for a reservation at most, where a run can be begun instead.
  static constexpr size_t kNear = 64;
  // Each but the last is longer than kNear, and more than kRatio times as long as the next.
  static constexpr size_t kRatio = 8;
  static constexpr size_t kMostRuns = 16;

  std::span<Reservation> storage_;
  size_t count_ = 0;  // storage_[0, count_) is disjoint, and sorted within each run
  mutable size_t runs_ = 1;
  mutable std::array<uint32_t, kMostRuns> run_starts_{};
  const E820Table* e820_ = nullptr;
  DirectMap map_;
  Phys grow_limit_{kMaxPhys};
  Range own_;  // where storage_ lies once it has moved; empty before
};

template <class Visit>
void EarlyRes::free_named(std::string_view name, Visit visit) {
  const std::span<const Reservation> all = entries();
  const Reservation* before = nullptr;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!has_name(all[i], name)) {
      before = &all[i];
      continue;
    }
    visit(all[i], before, i + 1 < all.size() ? &all[i + 1] : nullptr);
  }
  size_t kept = 0;
  for (const Reservation& entry : all) {
    if (!has_name(entry, name)) storage_[kept++] = entry;
  }
  count_ = kept;
}

template <class Visit>
size_t EarlyRes::for_each_numbered(Visit visit) const {
  const size_t first = own_.empty() ? 0 : 1;
  size_t number = first;
  for (const Reservation& entry : entries()) {
    if (!is_own(entry)) visit(number++, entry);
  }
  return number - first;
}

// The lowest place for `size` bytes, aligned to `align` (a power of two), inside `bounds`, all
// usable in e820 and free of reservations. Never address 0, which stands for "none" in Linux's
// interfaces. Fails with the size and the end of the bounds when there is no such place.
Result<Phys> find_e820_area(const E820Table& e820, const EarlyRes& reservations, Range bounds,
                            uint64_t size, uint64_t align);
// The same, from the top down.
Result<Phys> find_e820_area_top(const E820Table& e820, const EarlyRes& reservations, Range bounds,
                                uint64_t size, uint64_t align);

// Calls visit(Range) for each maximal stretch of `bounds` that is usable and not reserved, in
// ascending order, until visit returns false.
template <class Visit>
void for_each_free_range(const E820Table& e820, std::span<const Reservation> reservations,
                         Range bounds, Visit visit) {
  const std::span<const E820Entry> entries = e820.entries();
  // Most look from the beginning, or from its second byte.
  const bool from_lowest = bounds.start <= Phys{1};
  const auto first_of = [&](const auto& items) {
    return from_lowest ? 0 : first_ending_after(items, bounds.start);
  };
  const auto* reserved = reservations.data() + first_of(reservations);
  const auto* const reserved_end = reservations.data() + reservations.size();
  for (size_t i = first_of(entries); i < entries.size(); ++i) {
    const E820Entry& entry = entries[i];
    if (entry.range.start >= bounds.end) return;
    if (entry.type != E820Type::Ram) continue;
    const Range usable = entry.range.clip(bounds);
    if (usable.empty()) continue;
    Phys at = usable.start;
    while (reserved != reserved_end && reserved->range.end <= at) ++reserved;
    for (const auto* r = reserved; r != reserved_end && r->range.start < usable.end; ++r) {
      if (r->range.start > at && !visit(Range{at, r->range.start})) return;
      if (r->range.end > at) at = r->range.end;
    }
    if (at < usable.end && !visit(Range{at, usable.end})) return;
  }
}

}  // namespace mm
