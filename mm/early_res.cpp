#include "mm/early_res.h"

#include <algorithm>

namespace mm {
namespace {

constexpr const char* kOwnName = "EARLY_RES";

Result<Reservation> make(Range range, const char* name, bool overlap_ok) {
  if (range.end < range.start)
    return Error{"range wraps (start {:#x}, end {:#x})", name, range.start.v, range.end.v};
  if (range.empty())
    return Error{"range is empty (start {:#x}, end {:#x})", name, range.start.v, range.end.v};
  Reservation made{range, {}, overlap_ok ? uint8_t{1} : uint8_t{0}};
  size_t length = 0;
  while (length < sizeof(made.name) && name[length] != '\0') {
    made.name[length] = name[length];
    ++length;
  }
  if (length == sizeof(made.name)) {
    return Error{"reservation's name is longer than 14 characters (start {:#x}, end {:#x})", name,
                 range.start.v, range.end.v};
  }
  return made;
}

}  // namespace

// Merges from the top down, with the last run out of the way in the slots that are free. insert()
// sees to it that there are enough.
void EarlyRes::merge_last_two() const {
  const size_t begin = run_starts_[runs_ - 2];
  size_t early = run_starts_[runs_ - 1];
  size_t late = count_ + (count_ - early);
  for (size_t i = early; i < count_; ++i) storage_[i + (count_ - early)] = storage_[i];
  for (size_t to = count_; late > count_;) {
    const bool early_is_next =
        early > begin && storage_[early - 1].range.start > storage_[late - 1].range.start;
    storage_[--to] = storage_[early_is_next ? --early : --late];
  }
  --runs_;
}

void EarlyRes::insert(const Reservation& reservation) {
  // All behind the first run may have to be merged with it, and then needs as many free slots.
  const auto has_room_to_merge = [&] {
    const size_t behind = runs_ > 1 ? count_ - run_starts_[1] : 0;
    return free_slots() >= behind + 2;
  };
  if (runs_ > 1 && !has_room_to_merge()) settle();

  const size_t start = run_starts_[runs_ - 1];
  const size_t length = count_ - start;
  const bool far = length > kNear && storage_[count_ - kNear].range.start > reservation.range.start;
  if (far && has_room_to_merge()) {
    while (runs_ > 1 && run_starts_[runs_ - 1] - run_starts_[runs_ - 2] <=
                            kRatio * (count_ - run_starts_[runs_ - 1])) {
      merge_last_two();
    }
    run_starts_[runs_++] = static_cast<uint32_t>(count_);
    storage_[count_++] = reservation;
    return;
  }
  size_t i = count_++;
  for (; i > start && storage_[i - 1].range.start > reservation.range.start; --i) {
    storage_[i] = storage_[i - 1];
  }
  storage_[i] = reservation;
}

// Of those that may not be overlapped.
const Reservation* EarlyRes::lowest_in_the_way(Range range) const {
  const Reservation* lowest = nullptr;
  for (size_t run = 0; run < runs_; ++run) {
    const size_t end = end_of_run(run);
    size_t i = find_in_run(run, range);
    while (i < end && storage_[i].overlap_ok != 0 && storage_[i].range.start < range.end) ++i;
    if (i == end || storage_[i].range.start >= range.end) continue;
    if (lowest == nullptr || storage_[i].range.start < lowest->range.start) lowest = &storage_[i];
  }
  return lowest;
}

size_t EarlyRes::find_in_run(size_t run, Range range) const {
  const size_t start = run_starts_[run];
  const size_t end = end_of_run(run);
  const std::span<const Reservation> entries = storage_.subspan(start, end - start);
  const size_t i = start + first_ending_after(entries, range.start);
  return i < end && storage_[i].range.start < range.end ? i : end;
}

const Reservation* EarlyRes::find_in_runs(Range range) const {
  const Reservation* lowest = nullptr;
  for (size_t run = 0; run < runs_; ++run) {
    const size_t i = find_in_run(run, range);
    if (i == end_of_run(run)) continue;
    if (lowest == nullptr || storage_[i].range.start < lowest->range.start) lowest = &storage_[i];
  }
  return lowest;
}

bool has_name(const Reservation& reservation, std::string_view name) {
  if (name.size() > sizeof(reservation.name)) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    if (reservation.name[i] != name[i]) return false;
  }
  return name.size() == sizeof(reservation.name) || reservation.name[name.size()] == '\0';
}

std::span<const Reservation> reservations_within(std::span<const Reservation> reservations,
                                                 Range range) {
  const auto first =
      std::partition_point(reservations.begin(), reservations.end(),
                           [&](const Reservation& each) { return each.range.end <= range.start; });
  const auto last = std::partition_point(first, reservations.end(), [&](const Reservation& each) {
    return each.range.start < range.end;
  });
  return {first, last};
}

const Reservation* EarlyRes::overlapping(Range range) const {
  settle();
  return find_in_runs(range);
}

// Takes the range out of the reservations that it touches, one at least. A middle costs one slot,
// which the caller has made sure of.
void EarlyRes::carve(Range range) {
  settle();
  const size_t first = find_in_run(0, range);
  size_t last = first;
  while (last < count_ && storage_[last].range.start < range.end) ++last;
  // Of the first there may be a head left, of the last a tail.
  Reservation left[2];
  size_t count = 0;
  if (storage_[first].range.start < range.start) {
    left[count] = storage_[first];
    left[count++].range.end = range.start;
  }
  if (storage_[last - 1].range.end > range.end) {
    left[count] = storage_[last - 1];
    left[count++].range.start = range.end;
  }
  if (first + count > last) {
    for (size_t i = count_; i > last; --i) storage_[i] = storage_[i - 1];
  } else {
    for (size_t i = last; i < count_; ++i) storage_[first + count + (i - last)] = storage_[i];
  }
  count_ = count_ - (last - first) + count;
  for (size_t i = 0; i < count; ++i) storage_[first + i] = left[i];
}

Result<> EarlyRes::check_room() const {
  if (has_room()) return {};
  return Error{"list of reservations is full (entries {}, room {})", "early_res", count_,
               storage_.size()};
}

// Growth comes after a call, never before: what the caller has just found room for and is about to
// reserve must not be taken by the list itself.
Result<> EarlyRes::grow_if_nearly_full() {
  if (e820_ == nullptr || count_ + 2 * kSlotsOfOneCall <= storage_.size()) return {};
  const uint64_t bytes =
      align_up((storage_.size() + kSlotsOfOneCall) * 2 * sizeof(Reservation), kPageSize);
  const Range anywhere{Phys{0}, grow_limit_};
  const Phys place = BATON_TRY(find_e820_area(*e820_, *this, anywhere, bytes, kPageSize));
  const auto larger = map_.span<Reservation>(place, bytes / sizeof(Reservation));
  for (size_t i = 0; i < count_; ++i) larger[i] = storage_[i];
  storage_ = larger;
  if (!own_.empty()) carve(own_);
  own_ = {place, place + bytes};
  insert(BATON_TRY(make(own_, kOwnName, false)));
  return {};
}

Result<> EarlyRes::grow_in(const E820Table& e820, const DirectMap& map, Phys limit) {
  e820_ = &e820;
  map_ = map;
  grow_limit_ = limit;
  return grow_if_nearly_full();
}

Result<> EarlyRes::reserve_itself(Range place) {
  BATON_TRY(reserve(place, kOwnName));
  own_ = place;
  return {};
}

Result<> EarlyRes::move_to(Range place, const DirectMap& map) {
  const auto larger = map.span<Reservation>(place.start, place.size() / sizeof(Reservation));
  if (count_ + kSlotsOfOneCall > larger.size()) {
    return Error{"no room for the list of reservations (entries {}, room {})", kOwnName, count_,
                 larger.size()};
  }
  settle();
  if (const Reservation* there = find_in_runs(place); there != nullptr) {
    return Error{"reservation overlaps another (start {:#x}, end {:#x})", kOwnName, place.start.v,
                 place.end.v, there->name};
  }
  for (size_t i = 0; i < count_; ++i) larger[i] = storage_[i];
  storage_ = larger;
  own_ = place;
  insert(BATON_TRY(make(place, kOwnName, false)));
  return {};
}

Result<> EarlyRes::add(Range range, const char* name, bool overlap_ok) {
  const Reservation made = BATON_TRY(make(range, name, overlap_ok));
  const bool any_there = find_in_runs(range) != nullptr;
  if (const Reservation* there = any_there ? lowest_in_the_way(range) : nullptr; there != nullptr) {
    return Error{"reservation overlaps another (start {:#x}, end {:#x})", name, range.start.v,
                 range.end.v, there->name};
  }
  BATON_TRY(check_room());
  if (any_there) carve(range);
  insert(made);
  return grow_if_nearly_full();
}

Result<> EarlyRes::free(Range range) {
  if (range.empty()) {
    return Error{"range to free is empty (start {:#x}, end {:#x})", "early_res", range.start.v,
                 range.end.v};
  }
  for (Phys at = range.start; at < range.end;) {
    const Reservation* reservation = find_in_runs({at, at + 1});
    if (reservation == nullptr) {
      return Error{"range to free is not reserved (start {:#x}, first free byte {:#x})",
                   "early_res", range.start.v, at.v};
    }
    at = reservation->range.end;
  }
  BATON_TRY(check_room());
  carve(range);
  return grow_if_nearly_full();
}

Result<> EarlyRes::adopt(std::span<const Reservation> reservations) {
  if (reservations.size() + kSlotsOfOneCall > storage_.size()) {
    return Error{"more reservations than room (entries {}, room {})", "early_res",
                 reservations.size(), storage_.size()};
  }
  for (size_t i = 0; i < reservations.size(); ++i) {
    const Reservation& r = reservations[i];
    if (r.name[sizeof(r.name) - 1] != '\0') {
      return Error{"reservation's name does not end (entry {}, address {:#x})", "early_res", i,
                   r.range.start.v};
    }
    if (r.range.empty()) {
      return Error{"reservation is empty or wraps (start {:#x}, end {:#x})", r.name,
                   r.range.start.v, r.range.end.v};
    }
    if (i > 0 && r.range.start < reservations[i - 1].range.end) {
      return Error{"reservations overlap or are not sorted (start {:#x}, end before {:#x})", r.name,
                   r.range.start.v, reservations[i - 1].range.end.v, reservations[i - 1].name};
    }
  }
  for (size_t i = 0; i < reservations.size(); ++i) storage_[i] = reservations[i];
  count_ = reservations.size();
  runs_ = 1;
  return {};
}

Result<Phys> find_e820_area(const E820Table& e820, const EarlyRes& reservations, Range bounds,
                            uint64_t size, uint64_t align) {
  if (bounds.start.v == 0) bounds.start = Phys{1};
  Phys place;
  for_each_free_range(e820, reservations.entries(), bounds, [&](Range free) {
    const Phys at = align_up(free.start, align);
    if (at >= free.start && at < free.end && free.end - at >= size) place = at;
    return place == Phys{0};
  });
  if (place == Phys{0}) return Error{"no room (size {}, below {:#x})", "e820", size, bounds.end.v};
  return place;
}

Result<Phys> find_e820_area_top(const E820Table& e820, const EarlyRes& reservations, Range bounds,
                                uint64_t size, uint64_t align) {
  if (bounds.start.v == 0) bounds.start = Phys{1};
  Phys place;
  for_each_free_range(e820, reservations.entries(), bounds, [&](Range free) {
    if (free.size() < size) return true;
    const Phys at = align_down(free.end - size, align);
    if (at >= free.start) place = at;
    return true;
  });
  if (place == Phys{0}) return Error{"no room (size {}, below {:#x})", "e820", size, bounds.end.v};
  return place;
}

}  // namespace mm
