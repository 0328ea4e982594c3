// Regions: a zone's memory in pieces of 512 units, and what of each is free.
//
// A zone has two sorts: pageblocks, whose units are frames, and GiBs, whose units are pageblocks that
// are free as a whole. A region that has something free is of a kind (a migratetype, say) and is
// filed under it by its largest free block; the lowest that serves a request is found by a few words.
// Whoever always takes the lowest leaves the others to become whole again.
// Everything here runs under the zone's lock, but for looking at maps.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "mm/free_map.h"
#include "mm/page.h"
#include "mm/types.h"

namespace mm {

using RegionIndex = FrameIndex;  // kNoFrame: none

struct Region {
  uint16_t free;     // units, when it is filed; else 0
  uint16_t largest;  // order, in units, of the largest free block; means nothing when none is
  uint32_t run;      // of a GiB that is whole: how many in a row it stands for
};
static_assert(sizeof(Region) == 8);

// Sets of regions. A group of 512 members has a bit that says whether any is in the set; its words
// mean nothing when none is. So a set that is empty costs a bit a group to make.
class RegionSets {
 public:
  static constexpr unsigned kGroup = 512;
  static constexpr unsigned kGroupWords = kGroup / 64;

  RegionSets() = default;
  // Takes over bytes_needed() bytes of any content, aligned to 64.
  RegionSets(uint64_t regions, unsigned sets, void* storage);
  [[nodiscard]] static constexpr uint64_t bytes_needed(uint64_t regions, unsigned sets) {
    const uint64_t groups = groups_of(regions);
    return align_up((groups * kGroupWords + words_of(groups) + words_of(words_of(groups))) * 8 * sets,
                    64);
  }

  void insert(unsigned set, RegionIndex index);
  void erase(unsigned set, RegionIndex index);
  [[nodiscard]] bool empty(unsigned set) const;
  // The lowest member; kNoFrame when there is none.
  [[nodiscard]] RegionIndex first(unsigned set) const;
  // The members of a group, a bit each.
  [[nodiscard]] std::array<uint64_t, kGroupWords> members(unsigned set, RegionIndex group) const;
  [[nodiscard]] uint64_t groups() const { return groups_; }
  // Whether the bits of groups say what the groups' words do, for an audit.
  [[nodiscard]] bool consistent(unsigned set) const;

 private:
  [[nodiscard]] static constexpr uint64_t groups_of(uint64_t regions) {
    return align_up(regions, kGroup) / kGroup;
  }
  [[nodiscard]] static constexpr uint64_t words_of(uint64_t bits) { return align_up(bits, 64) / 64; }
  [[nodiscard]] uint64_t* words(unsigned set, uint64_t group) const {
    return members_ + (group * sets_ + set) * kGroupWords;
  }
  // A bit a group, and a bit for each word of those.
  [[nodiscard]] uint64_t* marks(unsigned set) const { return marks_ + set * words_of(groups_); }
  [[nodiscard]] uint64_t* tops(unsigned set) const { return tops_ + set * top_words(); }
  [[nodiscard]] uint64_t top_words() const { return words_of(words_of(groups_)); }

  uint64_t *members_ = nullptr, *marks_ = nullptr, *tops_ = nullptr;
  uint64_t groups_ = 0;
  unsigned sets_ = 0;
};

class Regions {
 public:
  static constexpr unsigned kLargest = FreeMap::kOrder + 1;
  static constexpr unsigned kMostKinds = 4;

  Regions() = default;
  // Those that frames [start, end) touch; `unit` is the order of a unit in frames. Takes over
  // bytes_needed() bytes of any content, aligned to 64; what they say of a region means nothing
  // until clear().
  Regions(PfnRange frames, unsigned unit, unsigned kinds, void* storage);
  [[nodiscard]] static constexpr uint64_t count(PfnRange frames, unsigned unit) {
    const uint64_t size = uint64_t{1} << (unit + FreeMap::kOrder);
    if (frames.empty()) return 0;
    return (align_up(frames.end.v, size) - align_down(frames.start.v, size)) / size;
  }
  [[nodiscard]] static constexpr uint64_t bytes_needed(PfnRange frames, unsigned unit,
                                                       unsigned kinds) {
    const uint64_t regions = count(frames, unit);
    return align_up(regions * (sizeof(FreeMap) + sizeof(Region)), 64) +
           RegionSets::bytes_needed(regions, kinds * kSetsOfKind);
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
  [[nodiscard]] unsigned unit_order() const { return unit_; }
  [[nodiscard]] Pfn pfn(RegionIndex index, unsigned unit) const {
    return start(index) + (uint64_t{unit} << unit_);
  }
  [[nodiscard]] Region& operator[](RegionIndex index) const { return regions_[index]; }
  [[nodiscard]] FreeMap& map(RegionIndex index) const { return maps_[index]; }

  // Nothing of it is free.
  void clear(RegionIndex index) {
    regions_[index].free = 0;
    maps_[index].fill(false);
  }
  // All of it is, and it is not filed.
  void fill(RegionIndex index) {
    regions_[index].free = 0;
    maps_[index].fill(true);
  }

  // Files a region of a kind by what it has free from now on; 0 takes it out. Returns whether
  // orders(kind) may have changed.
  bool file(unsigned kind, RegionIndex index, unsigned free, unsigned largest);
  // Bit n: there is one whose largest block is of order n.
  [[nodiscard]] uint32_t orders(unsigned kind) const { return orders_[kind]; }
  // The lowest that has a block of the order, and that whose largest it is; kNoFrame when none has.
  [[nodiscard]] RegionIndex lowest(unsigned kind, unsigned order) const;
  [[nodiscard]] RegionIndex lowest_of(unsigned kind, unsigned largest) const {
    return sets_.first(kind * kSetsOfKind + largest);
  }

  // For an audit: the sets, and which they are.
  static constexpr unsigned kSetsOfKind = kLargest + 1;  // by largest block, and all
  static constexpr unsigned kAll = kLargest;
  [[nodiscard]] const RegionSets& sets() const { return sets_; }
  [[nodiscard]] unsigned kinds() const { return kinds_; }

 private:
  FreeMap* maps_ = nullptr;
  Region* regions_ = nullptr;
  Pfn first_;
  unsigned unit_ = 0;
  RegionIndex count_ = 0;
  unsigned kinds_ = 0;
  std::array<uint32_t, kMostKinds> orders_{};
  RegionSets sets_;
};

}  // namespace mm
