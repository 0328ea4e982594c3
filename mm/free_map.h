// FreeMap: which of 512 units are free, a bit each, in one cache line.
//
// A unit is a frame of a pageblock, or a pageblock of a GiB (mm/regions.h). The buddy system's blocks
// are not kept apart; they follow from the bits: a unit that is free is in the largest aligned block
// of 2^n units that are all free. So freeing is setting bits, and merging costs nothing.
// Written under the lock of the zone that the units are of, read by anyone.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "mm/published.h"
#include "mm/types.h"

namespace mm {

// In a word of 64 units: the first units of blocks of the order (0 to 6) all of whose bits are set;
// and all bits of blocks with such first units.
inline constexpr std::array<uint64_t, 7> kBlockHeads{~uint64_t{0},
                                                     0x5555'5555'5555'5555,
                                                     0x1111'1111'1111'1111,
                                                     0x0101'0101'0101'0101,
                                                     0x0001'0001'0001'0001,
                                                     0x0000'0001'0000'0001,
                                                     1};
[[nodiscard]] constexpr uint64_t block_heads(uint64_t bits, unsigned order) {
  for (unsigned n = 0; n < order; ++n) bits &= bits >> (1u << n);
  return bits & kBlockHeads[order];
}
[[nodiscard]] constexpr uint64_t block_bits(uint64_t heads, unsigned order) {
  for (unsigned n = 0; n < order; ++n) heads |= heads << (1u << n);
  return heads;
}

class alignas(64) FreeMap {
 public:
  static constexpr unsigned kOrder = 9;  // of a block of all units
  static constexpr unsigned kUnits = 1u << kOrder;
  static constexpr unsigned kWordOrder = 6;
  static constexpr unsigned kWordUnits = 1u << kWordOrder;
  static constexpr unsigned kWords = kUnits / kWordUnits;

  void fill(bool free) {
    for (Published<uint64_t>& word : words_) word = free ? ~uint64_t{0} : 0;
  }
  // Units 64 * index and up.
  [[nodiscard]] uint64_t word(unsigned index) const { return words_[index]; }
  void set_word(unsigned index, uint64_t bits) { words_[index] = bits; }
  [[nodiscard]] bool has(unsigned unit) const {
    return (words_[unit / kWordUnits] >> unit % kWordUnits & 1) != 0;
  }

  // Whether all of a block of an order of 0 to 8 is free; to make it free or not.
  [[nodiscard]] bool all(unsigned unit, unsigned order) const;
  void set(unsigned unit, unsigned order, bool free);
  // Makes units [first, end) free.
  void free_range(unsigned first, unsigned end);
  // The order of the block that a free unit is in; `least` when it is known to be that or more.
  [[nodiscard]] unsigned order_at(unsigned unit, unsigned least = 0) const;
  // The order of the largest block; nothing may be asked of a map with nothing free.
  [[nodiscard]] unsigned largest() const;
  // The same of the blocks that have units in a word, some of which are free.
  [[nodiscard]] unsigned largest_near(unsigned index) const;
  // Where a block of the order is best taken: the first unit of the first among the smallest free
  // blocks that are large enough; kUnits when there is none.
  [[nodiscard]] unsigned find(unsigned order) const;
  // The first free unit from this one on; kUnits when there is none.
  [[nodiscard]] unsigned first_from(unsigned unit) const;
  [[nodiscard]] unsigned count() const;
  // Calls visit(first unit, order) for each block, until it returns false; then it does, too.
  template <class Visit>
  bool for_each_block(Visit visit) const;

 private:
  std::array<Published<uint64_t>, kWords> words_;
};
static_assert(sizeof(FreeMap) == 64);

template <class Visit>
bool FreeMap::for_each_block(Visit visit) const {
  for (unsigned unit = first_from(0); unit < kUnits;) {
    const unsigned order = order_at(unit);
    if (!visit(unit, order)) return false;
    unit = first_from(unit + (1u << order));
  }
  return true;
}

}  // namespace mm
