// Looking up an address in things that have a `range`, sorted by address and disjoint.
#pragma once

#include <cstddef>
#include <span>

#include "mm/types.h"

namespace mm {

// Index of the first that ends after the address: the one that holds it, or the next; items.size()
// when there is none.
template <class Item>
[[nodiscard]] size_t first_ending_after(std::span<const Item> items, Phys at) {
  size_t low = 0;
  size_t high = items.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (items[middle].range.end > at) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace mm
