#include "mm/free_map.h"

#include <cstddef>

namespace mm {
namespace {

constexpr uint64_t kFull = ~uint64_t{0};

// The bits of a block of the order within its words, and how many words it has.
constexpr uint64_t mask_of(unsigned unit, unsigned order) {
  return order >= FreeMap::kWordOrder ? kFull : block_bits(1, order) << unit % FreeMap::kWordUnits;
}
constexpr unsigned words_of(unsigned order) {
  return order <= FreeMap::kWordOrder ? 1 : 1u << (order - FreeMap::kWordOrder);
}

}  // namespace

bool FreeMap::all(unsigned unit, unsigned order) const {
  const uint64_t mask = mask_of(unit, order);
  for (unsigned i = unit / kWordUnits, left = words_of(order); left != 0; ++i, --left) {
    if ((words_[i] & mask) != mask) return false;
  }
  return true;
}

void FreeMap::set(unsigned unit, unsigned order, bool free) {
  const uint64_t mask = mask_of(unit, order);
  for (unsigned i = unit / kWordUnits, left = words_of(order); left != 0; ++i, --left) {
    words_[i] = free ? words_[i] | mask : words_[i] & ~mask;
  }
}

void FreeMap::free_range(unsigned first, unsigned end) {
  for (unsigned i = first / kWordUnits; i * kWordUnits < end; ++i) {
    uint64_t mask = kFull;
    if (first > i * kWordUnits) mask <<= first - i * kWordUnits;
    if (end < (i + 1) * kWordUnits) mask &= ~(kFull << (end - i * kWordUnits));
    words_[i] = words_[i] | mask;
  }
}

unsigned FreeMap::order_at(unsigned unit, unsigned least) const {
  unsigned order = least;
  // The block is the union of what it was at the order below, and that one's buddy.
  const auto buddy = [&] { return (unit >> order ^ 1) << order; };
  while (order < kOrder && all(buddy(), order)) ++order;
  return order;
}

unsigned FreeMap::largest() const {
  std::array<uint64_t, kWords> bits{};
  unsigned full = 0;  // a bit a word
  for (unsigned i = 0; i < kWords; ++i) {
    bits[i] = words_[i];
    full |= (bits[i] == kFull ? 1u : 0u) << i;
  }
  if (full != 0) {
    unsigned order = kWordOrder;
    for (unsigned n = 0; n < kOrder - kWordOrder; ++n, ++order) {
      full &= full >> (1u << n) & static_cast<unsigned>(kBlockHeads[n + 1]);
      if (full == 0) break;
    }
    return order;
  }
  // Each round leaves the first units of blocks of one order more.
  for (unsigned order = 1; order < kWordOrder; ++order) {
    uint64_t any = 0;
    for (uint64_t& word : bits) {
      word &= word >> (1u << (order - 1)) & kBlockHeads[order];
      any |= word;
    }
    if (any == 0) return order - 1;
  }
  return kWordOrder - 1;
}

unsigned FreeMap::largest_near(unsigned index) const {
  uint64_t bits = words_[index];
  if (bits == kFull) return order_at(index * kWordUnits, kWordOrder);
  unsigned order = 0;
  for (; bits != 0; ++order) bits &= bits >> (1u << order) & kBlockHeads[order + 1];
  return order - 1;
}

unsigned FreeMap::find(unsigned order) const {
  std::array<uint64_t, kWords> heads{};  // of blocks of order n or more
  uint64_t all = kFull;
  for (unsigned i = 0; i < kWords; ++i) {
    heads[i] = words_[i];
    all &= heads[i];
  }
  if (all == kFull) return 0;
  for (unsigned n = 0; n < kWordOrder; ++n) {
    for (unsigned i = 0; i < kWords; ++i) {
      const uint64_t larger = heads[i] & heads[i] >> (1u << n) & kBlockHeads[n + 1];
      const uint64_t exact = heads[i] & ~(larger | larger << (1u << n));
      if (n >= order && exact != 0) {
        return i * kWordUnits + static_cast<unsigned>(std::countr_zero(exact));
      }
      heads[i] = larger;
    }
  }
  // Now a bit says that all of a word is free, or of two, four, eight.
  size_t count = kWords;
  for (unsigned n = kWordOrder; n < kOrder; ++n) {
    count /= 2;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t low = heads[2 * i];
      const uint64_t high = heads[2 * i + 1];
      if (n >= order && low != high) return static_cast<unsigned>(2 * i + (high != 0 ? 1 : 0)) << n;
      heads[i] = low & high;
    }
  }
  return heads[0] != 0 ? 0 : kUnits;
}

unsigned FreeMap::first_from(unsigned unit) const {
  while (unit < kUnits) {
    const uint64_t rest = words_[unit / kWordUnits] >> unit % kWordUnits;
    if (rest != 0) return unit + static_cast<unsigned>(std::countr_zero(rest));
    unit = (unit / kWordUnits + 1) * kWordUnits;
  }
  return kUnits;
}

unsigned FreeMap::count() const {
  unsigned units = 0;
  for (const Published<uint64_t>& word : words_) units += count_bits(word);
  return units;
}

}  // namespace mm
