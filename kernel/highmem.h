// Touching RAM that the direct map may not reach. Where it reaches all, nothing is to be done.
#pragma once

#include <cstdint>

#include "kernel/arch.h"
#include "mm/direct_map.h"
#include "mm/types.h"

#if __has_include("highmem_inline.h")
#include "highmem_inline.h"
#else
namespace kernel::arch {
// What lies at an address, up to the end of its page. Good on the CPU that asked, until that has
// asked for kShortMappings other pages.
template <class T>
[[nodiscard]] T* reach(const mm::DirectMap& map, mm::Phys at) {
  return map.at<T>(at);
}
// How many bytes from there on lie at addresses that follow each other.
[[nodiscard]] constexpr uint64_t reached_with(mm::Phys at) { return ~at.v; }
}  // namespace kernel::arch
#endif
