// What kernel/x86/start_cpus.cpp has to know of the tables in which another CPU begins.
#pragma once

#include <algorithm>

#include "kernel/x86/cpu.h"
#include "mm/direct_map.h"
#include "mm/gfp.h"

namespace kernel::x86 {

inline size_t levels_in_use() { return has_wide_entries() ? 3 : 2; }
// Of a root's entries the kernel's: the last GiB's.
inline void copy_kernels_part(const mm::DirectMap& map, mm::Phys from, mm::Phys to) {
  constexpr size_t kLastGiB = 768, kOfGiB = 256;
  if (has_wide_entries()) {
    map.at<uint64_t>(to)[3] = map.at<const uint64_t>(from)[3];
  } else {
    std::copy_n(map.at<const uint32_t>(from) + kLastGiB, kOfGiB, map.at<uint32_t>(to) + kLastGiB);
  }
}
inline void put_entry(const mm::DirectMap& map, mm::Phys table, size_t index, uint64_t entry) {
  if (has_wide_entries()) {
    map.at<uint64_t>(table)[index] = entry;
  } else {
    map.at<uint32_t>(table)[index] = static_cast<uint32_t>(entry);
  }
}
// Present, writable; PAE's root has no such right.
inline uint64_t root_rights() { return has_wide_entries() ? 1 : 3; }
inline constexpr mm::Gfp kBelow4GiB = mm::kGfpKernel;  // lowmem
inline constexpr uint64_t kStartEfer = kEferNxe;
// The firmware's mailbox wakes CPUs in long mode.
inline constexpr bool kMailboxStarts = false;

}  // namespace kernel::x86
