// What the kernel keeps of the handoff, whose own memory is given back when the relay has run.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "loader/handoff/handoff.h"
#include "mm/direct_map.h"
#include "mm/result.h"

namespace kernel {

class Kept {
 public:
  // Copies; fails as loader::check_room() does.
  mm::Result<> take(const loader::Handoff& handoff);

  // From now on as if the firmware offered no runtime services.
  void forget_runtime_services() {
    handoff_.runtime_root = 0;
    seal(handoff_);
  }

  // The struct itself, as large as this kernel knows it. Its arrays' addresses lead nowhere any more once the reservation HANDOFF is
  // given back.
  [[nodiscard]] const loader::Handoff& handoff() const { return handoff_; }
  [[nodiscard]] std::string_view options() const { return {options_.data(), options_length_}; }
  [[nodiscard]] std::span<const loader::HandoffSegment> segments() const {
    return {segments_.data(), handoff_.segments.count};
  }
  [[nodiscard]] std::span<const loader::HandoffResult> results() const {
    return {results_.data(), handoff_.results.count};
  }
  // What has moved in the firmware's map since an earlier start; empty: it is not known.
  [[nodiscard]] std::string_view map_changes() const {
    return {map_changes_.data(), handoff_.map_changes.count};
  }
  [[nodiscard]] mm::DirectMap map() const {
    return mm::DirectMap{static_cast<uintptr_t>(handoff_.direct_map)};
  }

 private:
  loader::Handoff handoff_{};
  std::array<char, loader::kMaxHandoffOptions + 1> options_{};
  size_t options_length_ = 0;
  std::array<loader::HandoffSegment, loader::kMaxHandoffSegments> segments_{};
  std::array<loader::HandoffResult, loader::kMaxHandoffResults> results_{};
  std::array<char, loader::kMaxHandoffMapChanges> map_changes_{};
};

// An array of the handoff, where it lies.
template <class T>
[[nodiscard]] std::span<const T> elements(const loader::HandoffArray<T>& array,
                                          const mm::DirectMap& map) {
  if (array.count == 0) return {};
  return {map.at<const T>(mm::Phys{array.address}), array.count};
}

}  // namespace kernel
