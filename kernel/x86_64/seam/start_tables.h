// What kernel/x86/start_cpus.cpp has to know of the tables in which another CPU begins.
#pragma once

#include "kernel/x86/cpu.h"
#include "kernel/x86_64/vector_runs.h"
#include "mm/gfp.h"

namespace kernel::x86 {

inline size_t levels_in_use() { return (read_cr4() & kCr4La57) != 0 ? 5 : 4; }
// Of the root's entries the kernel's.
inline constexpr size_t kFirstOfKernel = 256, kOfKernel = 256;
inline constexpr uint64_t kRootRights = 3;                      // present, writable
inline constexpr mm::Gfp kBelow4GiB = mm::kGfpDma32;            // where real mode can load them
inline constexpr uint64_t kStartEfer = 1 | 1u << 8 | kEferNxe;  // SCE, LME, NXE
inline constexpr bool kMailboxStarts = true;                    // trampoline_long

// What of a CPU other than its control registers is to be as the boot CPU's.
inline void open_for_memtest() { enable_vectors(); }

}  // namespace kernel::x86
