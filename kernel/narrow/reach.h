// Of kernel/highmem.h with addresses of 32 bits: lowmem in the direct map, highmem by slots of the CPU's
// own. An architecture's end_of_low.h says
//     uint64_t end_of_low();   // the first physical address that the direct map does not reach
#pragma once

#include <cstdint>

#include "end_of_low.h"
#include "mm/direct_map.h"
#include "mm/types.h"

namespace kernel::arch {

inline constexpr unsigned kShortMappings = 8;

// kernel/narrow/kmap.cpp. `page` is the start of one.
[[nodiscard]] void* map_for_a_moment(mm::Phys page);

template <class T>
[[nodiscard]] T* reach(const mm::DirectMap& map, mm::Phys at) {
  if (at.v < end_of_low()) return map.at<T>(at);
  const mm::Phys page = mm::align_down(at, mm::kPageSize);
  auto* const bytes = static_cast<uint8_t*>(map_for_a_moment(page));
  return reinterpret_cast<T*>(bytes + static_cast<uintptr_t>(at - page));  // NOLINT
}

// How many bytes from there on lie at addresses that follow each other.
[[nodiscard]] inline uint64_t reached_with(mm::Phys at) {
  return at.v < end_of_low() ? end_of_low() - at.v : mm::kPageSize - at.v % mm::kPageSize;
}

}  // namespace kernel::arch
