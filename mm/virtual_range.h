#pragma once

#include <cstdint>

namespace mm {

// Virtual addresses, half-open; of 32 bits, 2^32 is the end.
struct VirtualRange {
  uint64_t start = 0, end = 0;
  friend constexpr bool operator==(const VirtualRange&, const VirtualRange&) = default;
  [[nodiscard]] constexpr uint64_t size() const { return end - start; }
  [[nodiscard]] constexpr bool contains(uint64_t virt) const { return start <= virt && virt < end; }
};

}  // namespace mm
