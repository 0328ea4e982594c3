// What was taken away from the usable memory before anything was placed, by name for the ledger.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "mm/result.h"
#include "mm/types.h"

namespace mm {

struct NamedBytes {
  const char* name = nullptr;
  uint64_t bytes = 0;
};

// What page tables cannot map, which is removed from e820.
inline constexpr const char* kUnreachable = "unreachable";

class Trims {
 public:
  static constexpr size_t kMost = 8;

  // Fails when there is no room: bytes without a name would leave the ledger open.
  constexpr Result<> add(const char* name, uint64_t bytes) {
    if (count_ == kMost)
      return Error{"more trims than room (room {}, bytes {})", name, kMost, bytes};
    all_[count_++] = {name, bytes};
    return {};
  }
  [[nodiscard]] constexpr std::span<const NamedBytes> all() const {
    return std::span(all_).first(count_);
  }
  // 0 for what is not there.
  [[nodiscard]] constexpr uint64_t bytes_of(std::string_view name) const {
    for (const NamedBytes& trim : all()) {
      if (text_of(trim.name) == name) return trim.bytes;
    }
    return 0;
  }

  Range first_uncached;  // of what the CPU does not cache

 private:
  std::array<NamedBytes, kMost> all_{};
  size_t count_ = 0;
};

}  // namespace mm
