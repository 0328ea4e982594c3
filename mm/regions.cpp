#include "mm/regions.h"

#include <algorithm>

namespace mm {

// --- Sets ----------------------------------------------------------------------------------------

RegionSets::RegionSets(uint64_t regions, unsigned sets, void* members, uint64_t stride, void* marks)
    : members_(static_cast<uint64_t*>(members)),
      marks_(static_cast<uint64_t*>(marks)),
      stride_(stride / 8),
      groups_(groups_of(regions)) {
  tops_ = marks_ + words_of(groups_) * sets;
  uint64_t* const end = tops_ + top_words() * sets;
  for (uint64_t* word = marks_; word != end; ++word) *word = 0;
}

void RegionSets::insert(unsigned set, RegionIndex index) {
  const uint64_t group = index / kGroup;
  uint64_t* const members = words(set, group);
  uint64_t& mark = marks(set)[group / 64];
  const uint64_t bit = uint64_t{1} << group % 64;
  if ((mark & bit) == 0) {
    for (unsigned i = 0; i < kGroupWords; ++i) members[i] = 0;
    mark |= bit;
    tops(set)[group / 64 / 64] |= uint64_t{1} << group / 64 % 64;
  }
  members[index % kGroup / 64] |= uint64_t{1} << index % 64;
}

bool RegionSets::erase(unsigned set, RegionIndex index) {
  const uint64_t group = index / kGroup;
  uint64_t* const members = words(set, group);
  uint64_t any = members[index % kGroup / 64] &= ~(uint64_t{1} << index % 64);
  if (any != 0) return false;
  for (unsigned i = 0; i < kGroupWords; ++i) any |= members[i];
  if (any != 0) return false;
  uint64_t& mark = marks(set)[group / 64];
  mark &= ~(uint64_t{1} << group % 64);
  if (mark != 0) return false;
  uint64_t* const top = tops(set);
  top[group / 64 / 64] &= ~(uint64_t{1} << group / 64 % 64);
  return std::all_of(top, top + top_words(), [](uint64_t word) { return word == 0; });
}

uint64_t RegionSets::next_group(unsigned set, uint64_t group) const {
  if (group >= groups_) return groups_;
  const uint64_t* const mark = marks(set);
  uint64_t found = group / 64;
  uint64_t bits = mark[found] & ~uint64_t{0} << group % 64;
  if (bits == 0) {
    const uint64_t* const top = tops(set);
    uint64_t tops_from = ~uint64_t{0} << ++found % 64;
    uint64_t i = found / 64;
    while (i < top_words() && (top[i] & tops_from) == 0) {
      ++i;
      tops_from = ~uint64_t{0};
    }
    if (i >= top_words()) return groups_;
    found = i * 64 + static_cast<unsigned>(std::countr_zero(top[i] & tops_from));
    bits = mark[found];
  }
  return found * 64 + static_cast<unsigned>(std::countr_zero(bits));
}

RegionIndex RegionSets::first(unsigned set, RegionIndex from) const {
  for (uint64_t at = from;;) {
    const uint64_t group = next_group(set, at / kGroup);
    if (group >= groups_) return kNoFrame;
    at = std::max(at, group * kGroup);
    const uint64_t* const members = words(set, group);
    uint64_t bits = ~uint64_t{0} << at % 64;
    for (uint64_t word = at % kGroup / 64; word < kGroupWords; ++word) {
      if ((members[word] & bits) != 0) {
        return static_cast<RegionIndex>(
            group * kGroup + word * 64 +
            static_cast<unsigned>(std::countr_zero(members[word] & bits)));
      }
      bits = ~uint64_t{0};
    }
    at = (group + 1) * kGroup;
  }
}

std::array<uint64_t, RegionSets::kGroupWords> RegionSets::members(unsigned set,
                                                                  RegionIndex group) const {
  std::array<uint64_t, kGroupWords> found{};
  if ((marks(set)[group / 64] >> group % 64 & 1) == 0) return found;
  for (unsigned i = 0; i < kGroupWords; ++i) found[i] = words(set, group)[i];
  return found;
}

bool RegionSets::consistent(unsigned set) const {
  for (uint64_t i = 0; i < words_of(groups_); ++i) {
    const uint64_t mark = marks(set)[i];
    if ((mark != 0) != ((tops(set)[i / 64] >> i % 64 & 1) != 0)) return false;
    for (uint64_t rest = mark; rest != 0; rest &= rest - 1) {
      const uint64_t group = i * 64 + static_cast<unsigned>(std::countr_zero(rest));
      if (group >= groups_) return false;
      const uint64_t* const some = words(set, group);
      if (std::all_of(some, some + kGroupWords, [](uint64_t word) { return word == 0; })) {
        return false;
      }
    }
  }
  return true;
}

// --- Regions -------------------------------------------------------------------------------------

Regions::Regions(PfnRange frames, unsigned unit, unsigned kinds, void* groups, void* marks)
    : groups_(static_cast<std::byte*>(groups)),
      group_bytes_(group_bytes(unit, kinds)),
      first_(group_start(frames, unit)),
      unit_(unit),
      count_(static_cast<RegionIndex>(count(frames, unit))),
      kinds_(kinds),
      sets_(count_, kinds * kSetsOfKind, groups_ + sizeof(Group), group_bytes_, marks) {}

bool Regions::file(unsigned kind, RegionIndex index, unsigned free, unsigned largest) {
  Region& region = (*this)[index];
  const bool was_filed = region.free != 0;
  const unsigned filed_by = region.largest;
  region.free = static_cast<uint16_t>(free);
  region.largest = static_cast<uint16_t>(largest);
  if (was_filed && free != 0 && filed_by == largest) return false;
  const unsigned first_set = kind * kSetsOfKind;
  if (was_filed) {
    const bool last = sets_.erase(first_set + filed_by, index);
    if (last) orders_[kind] &= ~(uint32_t{1} << filed_by);
  }
  if (free != 0) {
    sets_.insert(first_set + largest, index);
    orders_[kind] |= uint32_t{1} << largest;
  }
  return true;
}

RegionIndex Regions::lowest(unsigned kind, unsigned order, RegionIndex from) const {
  RegionIndex lowest = kNoFrame;
  for (uint32_t fitting = orders_[kind] >> order << order; fitting != 0; fitting &= fitting - 1) {
    const auto largest = static_cast<unsigned>(std::countr_zero(fitting));
    lowest = std::min(lowest, sets_.first(kind * kSetsOfKind + largest, from));
  }
  return lowest;
}

}  // namespace mm
