// What kernel/x86/start_cpus.cpp has to know of the tables in which another CPU begins.
#pragma once

#include "kernel/x86/cpu.h"
#include "mm/gfp.h"

namespace kernel::x86 {

inline size_t levels_in_use() { return 3; }
// Of the root's entries the kernel's.
inline constexpr size_t kFirstOfKernel = 3, kOfKernel = 1;
inline constexpr uint64_t kRootRights = 1;             // present; PAE's root has no others
inline constexpr mm::Gfp kBelow4GiB = mm::kGfpKernel;  // lowmem
inline constexpr uint64_t kStartEfer = kEferNxe;
// The firmware's mailbox wakes CPUs in long mode.
inline constexpr bool kMailboxStarts = false;

// Its sweeps are word by word.
inline void open_for_memtest() {}

}  // namespace kernel::x86
