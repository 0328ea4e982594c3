// A set of nodes.
#pragma once

#include <array>
#include <cstdint>

#include "mm/layout.h"
#include "mm/types.h"

namespace mm {

class NodeSet {
 public:
  constexpr void set(NodeId node) {
    words_[node / 64] |= uint64_t{1} << (node % 64);
    if (node >= end_) end_ = static_cast<NodeId>(node + 1);
  }
  [[nodiscard]] constexpr bool has(NodeId node) const {
    return node < end_ && (words_[node / 64] >> (node % 64) & 1) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return end_ == 0; }
  // One past the highest member; 0 when there is none.
  [[nodiscard]] constexpr NodeId end() const { return end_; }
  [[nodiscard]] constexpr unsigned count() const {
    unsigned members = 0;
    for (size_t w = 0; w * 64 < end_; ++w) members += count_bits(words_[w]);
    return members;
  }

 private:
  std::array<uint64_t, kMaxNodes / 64> words_{};
  NodeId end_ = 0;
};

}  // namespace mm
