#include "mm/early_res.h"

#include "mm/sorted_ranges.h"

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

size_t EarlyRes::first_ending_after(Phys at) const { return mm::first_ending_after(entries(), at); }

void EarlyRes::insert(const Reservation& reservation) {
  size_t i = count_++;
  for (; i > 0 && storage_[i - 1].range.start > reservation.range.start; --i) {
    storage_[i] = storage_[i - 1];
  }
  storage_[i] = reservation;
}

void EarlyRes::erase(size_t index) {
  --count_;
  for (size_t i = index; i < count_; ++i) storage_[i] = storage_[i + 1];
}

bool has_name(const Reservation& reservation, std::string_view name) {
  size_t length = 0;
  while (length < sizeof(reservation.name) && reservation.name[length] != '\0') ++length;
  return std::string_view(reservation.name, length) == name;
}

const Reservation* EarlyRes::overlapping(Range range) const {
  const size_t i = first_ending_after(range.start);
  return i < count_ && storage_[i].range.start < range.end ? &storage_[i] : nullptr;
}

// Takes the range out of whatever reservations it touches. A middle costs one slot, which the
// caller has made sure of.
void EarlyRes::carve(Range range) {
  size_t i = first_ending_after(range.start);
  while (i < count_ && storage_[i].range.start < range.end) {
    const Reservation old = storage_[i];
    erase(i);
    if (old.range.start < range.start) {
      Reservation head = old;
      head.range.end = range.start;
      insert(head);
      ++i;
    }
    if (old.range.end > range.end) {
      Reservation tail = old;
      tail.range.start = range.end;
      insert(tail);
      ++i;
    }
  }
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
  if (const Reservation* there = overlapping(place); there != nullptr) {
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
  for (size_t i = first_ending_after(range.start);
       i < count_ && storage_[i].range.start < range.end; ++i) {
    if (storage_[i].overlap_ok == 0) {
      return Error{"reservation overlaps another (start {:#x}, end {:#x})", name, range.start.v,
                   range.end.v, storage_[i].name};
    }
  }
  BATON_TRY(check_room());
  carve(range);
  insert(made);
  return grow_if_nearly_full();
}

Result<> EarlyRes::free(Range range) {
  if (range.empty()) {
    return Error{"range to free is empty (start {:#x}, end {:#x})", "early_res", range.start.v,
                 range.end.v};
  }
  for (Phys at = range.start; at < range.end;) {
    const Reservation* reservation = find(at);
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
