// What kernel/x86/start_cpus.cpp has to know of the tables in which another CPU begins.
#pragma once

#include <algorithm>

#include "kernel/x86/cpu.h"
#include "mm/direct_map.h"
#include "mm/gfp.h"

namespace kernel::x86 {

inline size_t levels_in_use() { return (read_cr4() & kCr4La57) != 0 ? 5 : 4; }
// Of a root's entries the kernel's.
inline void copy_kernels_part(const mm::DirectMap& map, mm::Phys from, mm::Phys to) {
  constexpr size_t kFirst = 256, kCount = 256;
  std::copy_n(map.at<const uint64_t>(from) + kFirst, kCount, map.at<uint64_t>(to) + kFirst);
}
inline void put_entry(const mm::DirectMap& map, mm::Phys table, size_t index, uint64_t entry) {
  map.at<uint64_t>(table)[index] = entry;
}
inline uint64_t root_rights() { return 3; }                     // present, writable
inline constexpr mm::Gfp kBelow4GiB = mm::kGfpDma32;            // where real mode can load them
inline constexpr uint64_t kStartEfer = 1 | 1u << 8 | kEferNxe;  // SCE, LME, NXE
inline constexpr bool kMailboxStarts = true;                    // trampoline_long

}  // namespace kernel::x86
