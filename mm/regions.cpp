#include "mm/regions.h"

#include <algorithm>
#include <bit>

namespace mm {

Regions::Regions(PfnRange frames, unsigned unit, void* storage)
    : maps_(static_cast<FreeMap*>(storage)),
      first_(align_down(frames.start, uint64_t{1} << (unit + FreeMap::kOrder))),
      unit_(unit),
      count_(static_cast<RegionIndex>(count(frames, unit))) {
  regions_ = reinterpret_cast<Region*>(maps_ + count_);  // NOLINT: room for them
}

void RegionLists::init() {
  for (auto& of_class : lists) of_class.fill({kNoFrame, kNoFrame});
  orders.fill(0);
}

uint32_t RegionLists::all_orders() const {
  uint32_t all = 0;
  for (const uint32_t some : orders) all |= some;
  return all;
}

RegionIndex RegionLists::fullest(unsigned order) const {
  for (unsigned full = 0; full < kClasses; ++full) {
    RegionIndex lowest = kNoFrame;
    uint32_t fitting = orders[full] >> order << order;
    for (; fitting != 0; fitting &= fitting - 1) {
      const auto largest = static_cast<unsigned>(std::countr_zero(fitting));
      lowest = std::min(lowest, lists[full][largest].head);
    }
    if (lowest != kNoFrame) return lowest;
  }
  return kNoFrame;
}

RegionIndex RegionLists::emptiest(unsigned largest) const {
  for (unsigned full = kClasses; full > 0; --full) {
    if ((orders[full - 1] >> largest & 1) != 0) return lists[full - 1][largest].head;
  }
  return kNoFrame;
}

void RegionLists::add(const Regions& regions, RegionIndex index) {
  const Region& region = regions[index];
  const unsigned full = class_of(region.free);
  FrameList& list = lists[full][region.largest];
  // Low addresses tend to come first, so that what lies above becomes free.
  if (list.empty() || index < list.head) {
    list.add_head(regions.all(), index);
  } else {
    list.add_tail(regions.all(), index);
  }
  orders[full] |= uint32_t{1} << region.largest;
}

void RegionLists::remove(const Regions& regions, RegionIndex index) {
  const Region& region = regions[index];
  const unsigned full = class_of(region.free);
  FrameList& list = lists[full][region.largest];
  list.remove(regions.all(), index);
  if (list.empty()) orders[full] &= ~(uint32_t{1} << region.largest);
}

bool RegionLists::update(const Regions& regions, RegionIndex index, unsigned free,
                         unsigned largest) {
  Region& region = regions[index];
  const bool stays = region.free != 0 && free != 0 && largest == region.largest &&
                     class_of(region.free) == class_of(free);
  if (!stays && region.free != 0) remove(regions, index);
  region.free = static_cast<uint16_t>(free);
  region.largest = static_cast<uint16_t>(largest);
  if (!stays && free != 0) add(regions, index);
  return !stays;
}

}  // namespace mm
