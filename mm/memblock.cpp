#include "mm/memblock.h"

#include <algorithm>

#include "mm/sorted_ranges.h"

namespace mm {

uint64_t MemblockType::total() const {
  uint64_t bytes = 0;
  for (const MemblockRegion& region : regions()) bytes += region.range.size();
  return bytes;
}

size_t MemblockType::first_ending_after(Phys at) const {
  return mm::first_ending_after(regions(), at);
}

bool MemblockType::overlaps(Range range) const {
  const size_t i = first_ending_after(range.start);
  return i < count_ && storage_[i].range.start < range.end;
}

bool MemblockType::contains(Phys at) const { return overlaps({at, at + 1}); }

Result<> MemblockType::check(Range range) const {
  if (range.empty()) {
    return Error{"range is empty or wraps (start {:#x}, end {:#x})", name_, range.start.v,
                 range.end.v};
  }
  if (!has_room_for(range, 0)) {
    return Error{"array of ranges is full (entries {}, room {})", name_, count_, storage_.size()};
  }
  return {};
}

bool MemblockType::has_room_for(Range range, size_t more) const {
  // No call takes more than a slot for each region and three: with as many free, why count?
  const size_t room = free_slots();
  return room >= count_ + kCuts + more || room >= worst_case(range) + more;
}

size_t MemblockType::worst_case(Range range) const {
  size_t slots = kCuts;
  for (size_t i = first_ending_after(range.start);
       i < count_ && storage_[i].range.start < range.end; ++i) {
    ++slots;
  }
  return slots;
}

void MemblockType::insert(size_t index, const MemblockRegion& region) {
  for (size_t i = count_; i > index; --i) storage_[i] = storage_[i - 1];
  storage_[index] = region;
  ++count_;
}

void MemblockType::erase(size_t first, size_t last) {
  for (size_t i = last; i < count_; ++i) storage_[first + (i - last)] = storage_[i];
  count_ -= last - first;
}

void MemblockType::cut_at(Phys at) {
  const size_t i = first_ending_after(at);
  if (i == count_ || storage_[i].range.start >= at) return;
  MemblockRegion tail = storage_[i];
  tail.range.start = at;
  storage_[i].range.end = at;
  insert(i + 1, tail);
}

// Joins what touches and is alike among regions [first, last] and the neighbours of these.
void MemblockType::merge(size_t first, size_t last) {
  size_t kept = first > 0 ? first - 1 : 0;
  const size_t end = std::min(last + 2, count_);
  if (end <= kept + 1) return;
  for (size_t i = kept + 1; i < end; ++i) {
    MemblockRegion& before = storage_[kept];
    const MemblockRegion& region = storage_[i];
    if (before.range.end == region.range.start && before.node == region.node &&
        before.flags == region.flags) {
      before.range.end = region.range.end;
    } else {
      storage_[++kept] = region;
    }
  }
  erase(kept + 1, end);
}

Result<> MemblockType::add(const MemblockRegion& region) {
  BATON_TRY(check(region.range));
  // Behind all others: what comes sorted needs no search.
  if (count_ == 0 || storage_[count_ - 1].range.end < region.range.start) {
    storage_[count_++] = region;
    return {};
  }
  const size_t first = first_ending_after(region.range.start);
  size_t i = first;
  for (Phys at = region.range.start; at < region.range.end;) {
    const Phys next =
        i < count_ ? std::min(storage_[i].range.start, region.range.end) : region.range.end;
    if (at < next) {
      insert(i++, {{at, next}, region.node, region.flags});
      at = next;
    }
    if (at < region.range.end) at = storage_[i++].range.end;
  }
  merge(first, i);
  return {};
}

Result<MemblockType::Part> MemblockType::isolate(Range range) {
  BATON_TRY(check(range));
  cut_at(range.start);
  cut_at(range.end);
  Part part{first_ending_after(range.start), 0};
  part.last = part.first;
  while (part.last < count_ && storage_[part.last].range.end <= range.end) ++part.last;
  return part;
}

Result<> MemblockType::remove(Range range) {
  const Part part = BATON_TRY(isolate(range));
  erase(part.first, part.last);
  return {};
}

Result<> MemblockType::set_node(Range range, NodeId node) {
  const Part part = BATON_TRY(isolate(range));
  for (size_t i = part.first; i < part.last; ++i) storage_[i].node = node;
  merge(part.first, part.last);
  return {};
}

Result<> MemblockType::set_flag(Range range, uint8_t flag, bool on) {
  const Part part = BATON_TRY(isolate(range));
  for (size_t i = part.first; i < part.last; ++i) {
    const uint8_t flags = storage_[i].flags;
    storage_[i].flags = static_cast<uint8_t>(on ? flags | flag : flags & ~flag);
  }
  merge(part.first, part.last);
  return {};
}

void MemblockType::move_to(std::span<MemblockRegion> storage) {
  for (size_t i = 0; i < count_; ++i) storage[i] = storage_[i];
  storage_ = storage;
}

Result<> Memblock::move(Which which, Phys place, uint64_t bytes) {
  array(which).move_to(map_.span<MemblockRegion>(place, bytes / sizeof(MemblockRegion)));
  Range& own = own_[static_cast<size_t>(which)];
  if (!own.empty()) BATON_TRY(reserved_.remove(own));
  own = {place, place + bytes};
  return reserved_.add({own});
}

// A full array is doubled before the call that needs room; `range` is what that call is about, and
// the new array must not lie in it.
Result<> Memblock::make_room(Which about, Range range) {
  constexpr size_t kOwnSlots = 4;  // the reservation of a new array takes slots in `reserved`
  if (!may_resize_) return {};
  for (const Which which : {Which::Reserved, Which::Memory}) {
    const MemblockType& full = array(which);
    if (which == about ? full.has_room_for(range, kOwnSlots) : full.free_slots() >= kOwnSlots) {
      continue;
    }
    const size_t needed = (which == about ? full.worst_case(range) : 0) + kOwnSlots;
    const size_t old = full.regions().size() + full.free_slots();
    const uint64_t bytes = align_up(2 * (old + needed) * sizeof(MemblockRegion), kPageSize);
    Want want{.size = bytes, .align = kPageSize};
    Result<Phys> place = find(want);
    if (place.ok() && range.overlaps({place.value(), place.value() + bytes})) {
      want.to = range.start;
      place = find(want);
      if (!place.ok()) {
        want.from = range.end;
        want.to = Phys{kMaxPhys};
        place = find(want);
      }
    }
    if (!place.ok()) return place.error();
    BATON_TRY(move(which, place.value(), bytes));
  }
  return {};
}

Result<> Memblock::add(Range range, NodeId node, uint8_t flags) {
  BATON_TRY(make_room(Which::Memory, range));
  return memory_.add({range, node, flags});
}

Result<> Memblock::remove(Range range) {
  BATON_TRY(make_room(Which::Memory, range));
  return memory_.remove(range);
}

Result<> Memblock::reserve(Range range) {
  BATON_TRY(make_room(Which::Reserved, range));
  return reserved_.add({range});
}

Result<> Memblock::free(Range range) {
  BATON_TRY(make_room(Which::Reserved, range));
  return reserved_.remove(range);
}

Result<> Memblock::set_node(Range range, NodeId node) {
  BATON_TRY(make_room(Which::Memory, range));
  return memory_.set_node(range, node);
}

Result<> Memblock::set_flag(Range range, uint8_t flag, bool on) {
  BATON_TRY(make_room(Which::Memory, range));
  return memory_.set_flag(range, flag, on);
}

// Lowest or highest place for `want` in ranges whose node and flags are acceptable; 0: none.
template <class Accept>
Phys Memblock::search(const Want& want, Accept accept) const {
  const Range bounds{std::max(want.from, Phys{kPageSize}), std::min(want.to, current_limit_)};
  const std::span<const MemblockRegion> taken = reserved_.regions();
  Phys best;
  for (const MemblockRegion& region : memory_.regions()) {
    if ((region.flags & kMemblockNomap) != 0 || !accept(region)) continue;
    const Range inside = region.range.clip(bounds);
    if (inside.empty()) continue;
    Phys at = inside.start;
    size_t r = reserved_.first_ending_after(at);
    while (at < inside.end) {
      const bool blocked = r < taken.size() && taken[r].range.start < inside.end;
      const Phys end = blocked ? taken[r].range.start : inside.end;
      if (at < end && end - at >= want.size) {
        const Phys place =
            want.bottom_up ? align_up(at, want.align) : align_down(end - want.size, want.align);
        if (place >= at && place < end && end - place >= want.size) {
          best = place;
          if (want.bottom_up) return best;
        }
      }
      if (!blocked) break;
      at = taken[r++].range.end;
    }
  }
  return best;
}

Result<Phys> Memblock::find(const Want& want) const {
  if (want.size == 0 || want.size > kMaxPhys || want.align == 0 ||
      (want.align & (want.align - 1)) != 0) {
    return Error{"size is zero or too large, or alignment no power of two (size {}, align {})",
                 "memblock", want.size, want.align};
  }
  const auto usable = [&](const MemblockRegion& region) {
    return !want.movable_node || (region.flags & kMemblockHotplug) == 0;
  };
  for (const bool mirror : {true, false}) {
    if (mirror && !want.mirror) continue;
    const auto acceptable = [&](const MemblockRegion& region) {
      return usable(region) && (!mirror || (region.flags & kMemblockMirror) != 0);
    };
    if (want.node != kNoNode) {
      const Phys place = search(want, [&](const MemblockRegion& region) {
        return region.node == want.node && acceptable(region);
      });
      if (place != Phys{}) return place;
    }
    if (want.node == kNoNode || !want.exact_node) {
      const Phys place = search(want, acceptable);
      if (place != Phys{}) return place;
    }
  }
  return Error{"no room (bytes {}, below {:#x})", "memblock", want.size,
               std::min(want.to, current_limit_).v};
}

Result<Phys> Memblock::alloc(const Want& want) {
  const Phys place = BATON_TRY(find(want));
  BATON_TRY(reserve({place, place + want.size}));
  return place;
}

namespace {

// The highest place for `bytes` in active ranges below the limit, free of reservations and not in
// `except`.
Result<Phys> find_unreserved(uint64_t bytes, std::span<const ActiveRange> active,
                             std::span<const Reservation> reservations, Range except, Phys limit) {
  for (size_t a = active.size(); a > 0; --a) {
    const Range range = phys(active[a - 1].pfns).clip({Phys{0}, limit});
    if (range.empty()) continue;
    Phys end = range.end;
    for (size_t r = reservations.size();; --r) {
      // What lies between this reservation and what was looked at above it.
      const Phys start =
          r > 0 ? std::max(align_up(reservations[r - 1].range.end, kPageSize), range.start)
                : range.start;
      if (end > start && end - start >= bytes) {
        Phys place = end - bytes;
        if (except.overlaps({place, end}) && except.start >= start &&
            except.start - start >= bytes) {
          place = except.start - bytes;
        }
        if (!except.overlaps({place, place + bytes})) return place;
      }
      if (r == 0) break;
      end = std::min(end, align_down(reservations[r - 1].range.start, kPageSize));
      if (end <= range.start) break;
    }
  }
  return Error{"no room for a larger array (bytes {})", "memblock", bytes};
}

}  // namespace

Result<> memblock_from(Memblock& memblock, std::span<const ActiveRange> active,
                       std::span<const Reservation> reservations) {
  // What is asked for later must find room beyond what is added here.
  constexpr size_t kSpare = 16;
  if (memblock.may_resize()) {
    Range moved;
    const Phys limit = memblock.current_limit();
    const auto bytes_for = [](size_t entries) {
      return align_up(2 * (entries + kSpare) * sizeof(MemblockRegion), kPageSize);
    };
    if (memblock.reserved().free_slots() < reservations.size() + kSpare) {
      const uint64_t bytes = bytes_for(reservations.size());
      const Phys place = BATON_TRY(find_unreserved(bytes, active, reservations, {}, limit));
      BATON_TRY(memblock.move_reserved_to(place, bytes));
      moved = {place, place + bytes};
    }
    if (memblock.memory().free_slots() < active.size() + kSpare) {
      const uint64_t bytes = bytes_for(active.size());
      const Phys place = BATON_TRY(find_unreserved(bytes, active, reservations, moved, limit));
      BATON_TRY(memblock.move_memory_to(place, bytes));
    }
  }
  for (const Reservation& reservation : reservations) {
    BATON_TRY(memblock.reserve(reservation.range));
  }
  for (const ActiveRange& range : active) {
    const auto flags = static_cast<uint8_t>((range.hotplug ? kMemblockHotplug : 0) |
                                            (range.mirror ? kMemblockMirror : 0));
    BATON_TRY(memblock.add(phys(range.pfns), range.node, flags));
  }
  return {};
}

void print_subtracted(const EarlyRes& reservations, const Printer& out) {
  out.line("Subtract ({} early reservations)", reservations.entries().size());
  reservations.for_each_numbered([&](size_t number, const Reservation& r) {
    out.line("  #{} [{:010x} - {:010x}] {:>15}", number, r.range.start, r.range.end, r.name);
  });
}

}  // namespace mm
