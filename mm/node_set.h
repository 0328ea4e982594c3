// A set of nodes.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "mm/layout.h"

namespace mm {

class NodeSet {
 public:
  constexpr void set(NodeId node) { words_[node / 64] |= uint64_t{1} << (node % 64); }
  [[nodiscard]] constexpr bool has(NodeId node) const {
    return node < kMaxNodes && (words_[node / 64] >> (node % 64) & 1) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return count() == 0; }
  // One past the highest member; 0 when there is none.
  [[nodiscard]] constexpr NodeId end() const {
    for (size_t w = words_.size(); w > 0; --w) {
      if (words_[w - 1] != 0) {
        return static_cast<NodeId>(w * 64 - static_cast<unsigned>(std::countl_zero(words_[w - 1])));
      }
    }
    return 0;
  }
  [[nodiscard]] constexpr unsigned count() const {
    unsigned members = 0;
    for (uint64_t word : words_) {
      for (; word != 0; word &= word - 1) ++members;  // no popcount without SSE4 or libgcc
    }
    return members;
  }

 private:
  std::array<uint64_t, kMaxNodes / 64> words_{};
};

}  // namespace mm
