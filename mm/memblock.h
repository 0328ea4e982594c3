// memblock: the boot allocator of ranges (Linux's mm/memblock.c, NO_BOOTMEM).
//
// Two sorted arrays of disjoint ranges: what is memory, and what of it is reserved. Ranges are in
// bytes. Touching ranges of one node with the same flags are one. Arrays grow by themselves once
// allow_resize() was called, into memory that memblock reserves for them.
#pragma once

#include <cstdint>
#include <span>

#include "mm/direct_map.h"
#include "mm/early_res.h"
#include "mm/layout.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"

namespace mm {

struct MemblockRegion {
  Range range;
  NodeId node = kNoNode;  // kNoNode: not known (all reservations, memory before NUMA)
  uint8_t flags = 0;      // kMemblock...

  friend bool operator==(const MemblockRegion&, const MemblockRegion&) = default;
};

inline constexpr uint8_t kMemblockHotplug = 1;  // may be unplugged
inline constexpr uint8_t kMemblockMirror = 2;   // mirrored by the hardware
inline constexpr uint8_t kMemblockNomap = 4;    // in no direct map: never allocated from

// One of the two arrays.
class MemblockType {
 public:
  MemblockType() = default;
  MemblockType(const char* name, std::span<MemblockRegion> storage)
      : name_(name), storage_(storage) {}

  [[nodiscard]] std::span<const MemblockRegion> regions() const { return storage_.first(count_); }
  [[nodiscard]] const char* name() const { return name_; }
  [[nodiscard]] uint64_t total() const;
  // First region that ends after the address; regions().size() when there is none.
  [[nodiscard]] size_t first_ending_after(Phys at) const;
  [[nodiscard]] bool overlaps(Range range) const;
  [[nodiscard]] bool contains(Phys at) const;

  // Adds what of the range is not there yet.
  Result<> add(const MemblockRegion& region);
  Result<> remove(Range range);
  Result<> set_node(Range range, NodeId node);
  Result<> set_flag(Range range, uint8_t flag, bool on);

  // How many slots a call may take at most: two cuts, and every gap in the range filled.
  [[nodiscard]] size_t worst_case(Range range) const;
  // Whether that many are free, and `more`.
  [[nodiscard]] bool has_room_for(Range range, size_t more) const;
  [[nodiscard]] size_t free_slots() const { return storage_.size() - count_; }
  void move_to(std::span<MemblockRegion> storage);

 private:
  Result<> check(Range range) const;
  struct Part {
    size_t first, last;  // of storage_, half-open
  };
  // The regions that are the range, after those at its borders were cut there.
  Result<Part> isolate(Range range);
  void cut_at(Phys at);
  void insert(size_t index, const MemblockRegion& region);
  void erase(size_t first, size_t last);
  void merge(size_t first, size_t last);

  static constexpr size_t kCuts = 3;  // two borders, and the gap between the last two regions

  const char* name_ = "memblock";
  std::span<MemblockRegion> storage_;
  size_t count_ = 0;  // storage_[0, count_) is sorted, disjoint, merged
};

class Memblock {
 public:
  static constexpr size_t kOwnArrays = 2;  // of memory, and of what is reserved

  Memblock() = default;
  Memblock(std::span<MemblockRegion> memory, std::span<MemblockRegion> reserved)
      : memory_("memory", memory), reserved_("reserved", reserved) {}

  // From now on a full array moves to one of twice the size.
  [[nodiscard]] bool may_resize() const { return may_resize_; }
  void allow_resize(const DirectMap& map) {
    map_ = map;
    may_resize_ = true;
  }

  [[nodiscard]] const MemblockType& memory() const { return memory_; }
  [[nodiscard]] const MemblockType& reserved() const { return reserved_; }

  // memblock_set_current_limit: nothing is placed above, whatever is asked for. Highmem can be
  // described and not be given.
  void set_current_limit(Phys limit) { current_limit_ = limit; }
  [[nodiscard]] Phys current_limit() const { return current_limit_; }

  // Gives an array storage that was found otherwise, in memory of the caller's choice, and reserves
  // it like a grown array. The place must not be reserved yet.
  Result<> move_memory_to(Phys place, uint64_t bytes) { return move(Which::Memory, place, bytes); }
  Result<> move_reserved_to(Phys place, uint64_t bytes) {
    return move(Which::Reserved, place, bytes);
  }

  // memblock_add, _remove, _reserve, _free, _set_node and the flags. What overlaps what is there
  // already is taken as it is; a full array that may not grow is an error.
  Result<> add(Range range, NodeId node = kNoNode, uint8_t flags = 0);
  Result<> remove(Range range);
  Result<> reserve(Range range);
  Result<> free(Range range);
  Result<> set_node(Range range, NodeId node);
  Result<> mark(Range range, uint8_t flag) { return set_flag(range, flag, true); }
  Result<> clear(Range range, uint8_t flag) { return set_flag(range, flag, false); }

  struct Want {
    uint64_t size = 0;
    uint64_t align = 64;   // power of two
    Phys from{kPageSize};  // address 0 would mean "none"
    Phys to{kMaxPhys};
    NodeId node = kNoNode;  // tried first; then any, unless exact_node
    bool exact_node = false;
    bool bottom_up = false;     // lowest place instead of highest
    bool movable_node = false;  // then hot-pluggable memory is left alone
    bool mirror = false;        // mirrored memory is tried first
  };
  // memblock_phys_alloc: finds room and reserves it.
  Result<Phys> alloc(const Want& want);
  [[nodiscard]] Result<Phys> find(const Want& want) const;

  // The arrays' own reservations, when they have grown, are free memory again; the arrays must not
  // be changed any more.
  [[nodiscard]] std::span<const Range> own_arrays() const { return own_; }

  // Calls visit(Range, NodeId) for each stretch of memory (of the node, unless kNoNode) that is not
  // reserved and not nomap, ascending, until visit returns false.
  template <class Visit>
  void for_each_free_range(NodeId node, Visit visit) const;

 private:
  enum class Which : uint8_t { Memory, Reserved };

  Result<> set_flag(Range range, uint8_t flag, bool on);
  Result<> make_room(Which about, Range range);
  Result<> move(Which which, Phys place, uint64_t bytes);
  template <class Accept>
  [[nodiscard]] Phys search(const Want& want, Accept accept) const;

  [[nodiscard]] MemblockType& array(Which which) {
    return which == Which::Memory ? memory_ : reserved_;
  }

  MemblockType memory_;
  MemblockType reserved_;
  DirectMap map_;
  bool may_resize_ = false;
  Phys current_limit_{kMaxPhys};
  Range own_[kOwnArrays];  // where each array lies once it has moved; empty before
};

// The NO_BOOTMEM road's start: memory is the active ranges, reserved what early_res has. Arrays
// that are too small for these are moved first, when they may be.
Result<> memblock_from(Memblock& memblock, std::span<const ActiveRange> active,
                       std::span<const Reservation> reservations);
// What that road says instead of bootmem's lines: `Subtract (%d early reservations)`, which counts
// the list's own, and a line for each but that, as Linux 2.6.34 does.
void print_subtracted(const EarlyRes& reservations, const Printer& out);

template <class Visit>
void Memblock::for_each_free_range(NodeId node, Visit visit) const {
  const std::span<const MemblockRegion> taken = reserved_.regions();
  size_t r = 0;
  for (const MemblockRegion& region : memory_.regions()) {
    if ((node != kNoNode && region.node != node) || (region.flags & kMemblockNomap) != 0) continue;
    Phys at = region.range.start;
    while (r < taken.size() && taken[r].range.end <= at) ++r;
    for (size_t i = r; i < taken.size() && taken[i].range.start < region.range.end; ++i) {
      if (taken[i].range.start > at && !visit(Range{at, taken[i].range.start}, region.node)) return;
      at = taken[i].range.end;
    }
    if (at < region.range.end && !visit(Range{at, region.range.end}, region.node)) return;
  }
}

}  // namespace mm
