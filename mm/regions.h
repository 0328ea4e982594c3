// Regions: a zone's memory in pieces of 512 units, and what of each is free.
//
// A zone has two sorts: pageblocks, whose units are frames, and GiBs, whose units are pageblocks that
// are free as a whole. A region that has something free is of a kind (a migratetype, say) and is
// filed under it by its largest free block; the lowest that serves a request is found by a few words.
// Whoever always takes the lowest leaves the others to become whole again.
// Everything here runs under the zone's lock, but for looking at maps.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "mm/free_map.h"
#include "mm/page.h"
#include "mm/published.h"
#include "mm/types.h"

namespace mm {

using RegionIndex = FrameIndex;  // kNoFrame: none

struct Region {
  Published<uint16_t> free;  // units, when it is filed; else 0
  uint16_t largest;  // order, in units, of the largest free block; means nothing when none is
};
static_assert(sizeof(Region) == 4);

// Sets of regions. A group of 512 members has a bit that says whether any is in the set; its words
// mean nothing when none is. So a set that is empty costs a bit a group to make.
class RegionSets {
 public:
  static constexpr unsigned kGroup = 512;
  static constexpr unsigned kGroupWords = kGroup / 64;

  RegionSets() = default;
  // `members`: a place of members_bytes() for each group, every `stride` bytes. Takes over
  // marks_bytes() bytes at `marks`. Both of any content, aligned to 8.
  RegionSets(uint64_t regions, unsigned sets, void* members, uint64_t stride, void* marks);
  [[nodiscard]] static constexpr uint64_t members_bytes(unsigned sets) {
    return uint64_t{sets} * kGroupWords * 8;
  }
  [[nodiscard]] static constexpr uint64_t marks_bytes(uint64_t regions, unsigned sets) {
    const uint64_t words = words_of(groups_of(regions));
    return (words + words_of(words)) * 8 * sets;
  }
  [[nodiscard]] static constexpr uint64_t groups_of(uint64_t regions) {
    return align_up(regions, kGroup) / kGroup;
  }

  void insert(unsigned set, RegionIndex index);
  // Returns whether the set is empty now.
  bool erase(unsigned set, RegionIndex index);
  // The lowest member from one on; kNoFrame when there is none.
  [[nodiscard]] RegionIndex first(unsigned set, RegionIndex from = 0) const;
  // The members of a group, a bit each.
  [[nodiscard]] std::array<uint64_t, kGroupWords> members(unsigned set, RegionIndex group) const;
  [[nodiscard]] uint64_t groups() const { return groups_; }
  // Whether the bits of groups say what the groups' words do, for an audit.
  [[nodiscard]] bool consistent(unsigned set) const;

 private:
  [[nodiscard]] static constexpr uint64_t words_of(uint64_t bits) {
    return align_up(bits, 64) / 64;
  }
  [[nodiscard]] uint64_t* words(unsigned set, uint64_t group) const {
    return members_ + group * stride_ + uint64_t{set} * kGroupWords;
  }
  // A bit a group, and a bit for each word of those.
  [[nodiscard]] uint64_t* marks(unsigned set) const { return marks_ + set * words_of(groups_); }
  [[nodiscard]] uint64_t* tops(unsigned set) const { return tops_ + set * top_words(); }
  [[nodiscard]] uint64_t top_words() const { return words_of(words_of(groups_)); }
  // The first group from one on that has members; groups_ when none has.
  [[nodiscard]] uint64_t next_group(unsigned set, uint64_t group) const;

  uint64_t *members_ = nullptr, *marks_ = nullptr, *tops_ = nullptr;
  uint64_t stride_ = 0;  // words
  uint64_t groups_ = 0;
};

class Regions {
 public:
  static constexpr unsigned kLargest = FreeMap::kOrder + 1;
  static constexpr unsigned kMostKinds = 4;

  Regions() = default;
  // Those that frames [start, end) touch; `unit` is the order of a unit in frames. Takes over a place
  // of group_bytes() for each group of 512 regions, aligned to 64, and marks_bytes(), aligned to 8, of
  // any content; what they say of a region means nothing until clear(). Groups are counted from
  // group_start().
  Regions(PfnRange frames, unsigned unit, unsigned kinds, void* groups, void* marks);
  [[nodiscard]] static constexpr Pfn group_start(PfnRange frames, unsigned unit) {
    // Groups of pageblocks are GiBs; GiBs are counted from the first.
    return align_down(frames.start, std::max(uint64_t{1} << (unit + FreeMap::kOrder), kGigaFrames));
  }
  [[nodiscard]] static constexpr uint64_t count(PfnRange frames, unsigned unit) {
    const uint64_t size = uint64_t{1} << (unit + FreeMap::kOrder);
    if (frames.empty()) return 0;
    return (align_up(frames.end.v, size) - group_start(frames, unit).v) / size;
  }
  [[nodiscard]] static constexpr uint64_t groups(PfnRange frames, unsigned unit) {
    return RegionSets::groups_of(count(frames, unit));
  }
  [[nodiscard]] static constexpr uint64_t group_bytes(unsigned unit, unsigned kinds) {
    return align_up(runs_offset(kinds) + (unit == 0 ? 0 : sizeof(Runs)), kPageSize);
  }
  [[nodiscard]] static constexpr uint64_t marks_bytes(PfnRange frames, unsigned unit,
                                                      unsigned kinds) {
    return RegionSets::marks_bytes(count(frames, unit), kinds * kSetsOfKind);
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
  [[nodiscard]] Region& operator[](RegionIndex index) const {
    return group_of(index).regions[index % RegionSets::kGroup];
  }
  [[nodiscard]] FreeMap& map(RegionIndex index) const {
    return group_of(index).maps[index % RegionSets::kGroup];
  }
  // Of a GiB that is whole: how many in a row it stands for. Pageblocks have none.
  [[nodiscard]] Published<uint32_t>& run(RegionIndex index) const {
    auto* const group = reinterpret_cast<std::byte*>(&group_of(index));       // NOLINT
    auto* const runs = reinterpret_cast<Runs*>(group + runs_offset(kinds_));  // NOLINT
    return (*runs)[index % RegionSets::kGroup];
  }

  // Nothing of it is free.
  void clear(RegionIndex index) {
    (*this)[index].free = 0;
    map(index).fill(false);
  }
  // All of it is, and it is not filed.
  void fill(RegionIndex index) {
    (*this)[index].free = 0;
    map(index).fill(true);
  }

  // Files a region of a kind by what it has free from now on; 0 takes it out. Returns whether
  // orders(kind) may have changed.
  bool file(unsigned kind, RegionIndex index, unsigned free, unsigned largest);
  // Bit n: there is one whose largest block is of order n.
  [[nodiscard]] uint32_t orders(unsigned kind) const { return orders_[kind]; }
  // The lowest from one on that has a block of the order, and the lowest whose largest it is; kNoFrame
  // when none has.
  [[nodiscard]] RegionIndex lowest(unsigned kind, unsigned order, RegionIndex from = 0) const;
  [[nodiscard]] RegionIndex lowest_of(unsigned kind, unsigned largest) const {
    return sets_.first(kind * kSetsOfKind + largest);
  }

  // For an audit: the sets; a kind has one for each order that a largest block can be of.
  static constexpr unsigned kSetsOfKind = kLargest;
  [[nodiscard]] const RegionSets& sets() const { return sets_; }
  [[nodiscard]] unsigned kinds() const { return kinds_; }

 private:
  // The sets' members come behind, then the runs. Regions and the members of the first kinds are in
  // one page, so that a GiB whose pageblocks are all of one type has two that are written.
  struct Group {
    std::array<FreeMap, RegionSets::kGroup> maps;
    std::array<Region, RegionSets::kGroup> regions;
  };
  using Runs = std::array<Published<uint32_t>, RegionSets::kGroup>;
  [[nodiscard]] static constexpr uint64_t runs_offset(unsigned kinds) {
    return sizeof(Group) + RegionSets::members_bytes(kinds * kSetsOfKind);
  }
  [[nodiscard]] Group& group_of(RegionIndex index) const {
    return *reinterpret_cast<Group*>(groups_ +
                                     index / RegionSets::kGroup * group_bytes_);  // NOLINT
  }

  std::byte* groups_ = nullptr;
  uint64_t group_bytes_ = 0;
  Pfn first_;
  unsigned unit_ = 0;
  RegionIndex count_ = 0;
  unsigned kinds_ = 0;
  std::array<uint32_t, kMostKinds> orders_{};
  RegionSets sets_;
};

}  // namespace mm
