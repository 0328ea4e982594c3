// How the loader's page tables are to be read, which the kernel goes by too (Arm ARM, section D8).
#pragma once

#include <cstdint>

namespace loader::aarch64 {

// Indices into MAIR_EL1, whose value is EDK II's too: what was mapped keeps its type.
enum MemoryType : uint64_t { kDevice = 0, kNotCached = 1, kWriteThrough = 2, kWriteBack = 3 };
inline constexpr uint64_t kMair = 0xffbb'4400;

// TTBR0_EL1's half and TTBR1_EL1's have 47 bits each, so that half a root page serves either, and an
// address is canonical as on x86-64.
inline constexpr uint64_t kUpperHalfOfRoot = 2048;
inline constexpr uint64_t kAddressBits = 47;
// TCR_EL1: granules of 4 KiB; walks are write-back and inner shareable. `size` is
// ID_AA64MMFR0_EL1.PARange: how many bits physical addresses have.
[[nodiscard]] constexpr uint64_t tcr(uint64_t size) {
  constexpr uint64_t kSize = 64 - kAddressBits, kWriteBackWalks = 5, kInner = 3, kGranule1 = 2;
  constexpr uint64_t kHalf = kSize | kWriteBackWalks << 8 | kInner << 12;
  constexpr uint64_t k48Bits = 5;
  return kHalf | kHalf << 16 | kGranule1 << 30 | (size < k48Bits ? size : k48Bits) << 32;
}

// SCTLR_EL1: MMU and caches on, stack pointers checked; bits that were RES1 before ARMv8.1 are set.
inline constexpr uint64_t kSctlrMmuOff = 0x30d0'0800;
inline constexpr uint64_t kSctlr = kSctlrMmuOff | 0x101d;
// CPACR_EL1: floating point is not trapped, which runtime services may use.
inline constexpr uint64_t kCpacr = 3u << 20;

}  // namespace loader::aarch64
