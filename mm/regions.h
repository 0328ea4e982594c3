// Regions: a zone's memory in pieces of 512 units, and what of each is free.
//
// A zone has two kinds: pageblocks, whose units are frames, and GiBs, whose units are pageblocks that
// are free as a whole. Both are found by address and are kept on lists by how much of them is free,
// so that requests are served by the fullest region that has what is asked for: what was once needed
// tends to become whole again.
// Everything here runs under the zone's lock, but for looking at maps.
#pragma once

#include <array>
#include <cstdint>

#include "mm/frame_list.h"
#include "mm/free_map.h"
#include "mm/page.h"
#include "mm/types.h"

namespace mm {

using RegionIndex = FrameIndex;  // kNoFrame: none

struct Region {
  RegionIndex next, prev;  // on a list
  uint16_t free;           // units
  uint16_t largest;        // order, in units, of the largest free block; means nothing when none is
  uint32_t run;            // of a GiB on Zone::runs: how many in a row it stands for
};
static_assert(sizeof(Region) == 16);

class Regions {
 public:
  Regions() = default;
  // Those that frames [start, end) touch; `unit` is the order of a unit in frames. Takes over
  // bytes_needed() bytes of any content, aligned to 64; what they say of a region means nothing
  // until clear().
  Regions(PfnRange frames, unsigned unit, void* storage);
  [[nodiscard]] static constexpr uint64_t count(PfnRange frames, unsigned unit) {
    const uint64_t size = uint64_t{1} << (unit + FreeMap::kOrder);
    if (frames.empty()) return 0;
    return (align_up(frames.end.v, size) - align_down(frames.start.v, size)) / size;
  }
  [[nodiscard]] static constexpr uint64_t bytes_needed(PfnRange frames, unsigned unit) {
    return align_up(count(frames, unit) * (sizeof(FreeMap) + sizeof(Region)), 64);
  }

  [[nodiscard]] RegionIndex count() const { return count_; }
  [[nodiscard]] RegionIndex index(Pfn pfn) const {
    return static_cast<RegionIndex>((pfn - first_) >> (unit_ + FreeMap::kOrder));
  }
  [[nodiscard]] Pfn start(RegionIndex index) const {
    return first_ + (uint64_t{index} << (unit_ + FreeMap::kOrder));
  }
  [[nodiscard]] unsigned unit(Pfn pfn) const {
    return static_cast<unsigned>(pfn.v >> unit_) % FreeMap::kUnits;
  }
  [[nodiscard]] Pfn pfn(RegionIndex index, unsigned unit) const {
    return start(index) + (uint64_t{unit} << unit_);
  }
  [[nodiscard]] Region& operator[](RegionIndex index) const { return regions_[index]; }
  [[nodiscard]] FreeMap& map(RegionIndex index) const { return maps_[index]; }
  [[nodiscard]] Region* all() const { return regions_; }

  // Nothing of it is free.
  void clear(RegionIndex index) {
    regions_[index].free = 0;
    maps_[index].fill(false);
  }
  // All of it is, and it is on no list.
  void fill(RegionIndex index) {
    regions_[index].free = 0;
    maps_[index].fill(true);
  }

 private:
  FreeMap* maps_ = nullptr;
  Region* regions_ = nullptr;
  Pfn first_;
  unsigned unit_ = 0;
  RegionIndex count_ = 0;
};

// Regions that have something free.
struct RegionLists {
  static constexpr unsigned kClasses = 4;
  static constexpr unsigned kLargest = FreeMap::kOrder + 1;
  // By how much is free, and by the order of the largest free block.
  std::array<std::array<FrameList, kLargest>, kClasses> lists;
  std::array<uint32_t, kClasses> orders;  // bit n: list n is not empty

  [[nodiscard]] static constexpr unsigned class_of(unsigned free) {
    return (free - 1) / (FreeMap::kUnits / kClasses);
  }
  void init();
  // Of all classes.
  [[nodiscard]] uint32_t all_orders() const;
  // The fullest that has a block of the order, and the emptiest whose largest it is; kNoFrame when
  // none has.
  [[nodiscard]] RegionIndex fullest(unsigned order) const;
  [[nodiscard]] RegionIndex emptiest(unsigned largest) const;
  // A region on a list has something free, and the other way round.
  void add(const Regions& regions, RegionIndex index);
  void remove(const Regions& regions, RegionIndex index);
  // What is free of a region is going to be so much. Whether a bit of all_orders() may have changed.
  bool update(const Regions& regions, RegionIndex index, unsigned free, unsigned largest);
};

}  // namespace mm
