// How the loader's page tables are to be read, which the kernel goes by too (ARM ARM DDI 0406C, sections
// B3.5 and B4.1): short descriptors, all of the address space by TTBR0.
#pragma once

#include <cstdint>

namespace loader::arm {

// TTBR0's low bits: walks are shareable and write-back, write-allocate in all caches. The last is the
// multiprocessing extensions' form, which other CPUs read as: cacheable.
inline constexpr uint32_t kWalks = 0x6a;
inline constexpr uint32_t kRoot = ~uint32_t{0x3fff};  // 16 KiB, as TTBCR.N is 0
// Domain 0 asks its pages what they allow; nothing is in any other.
inline constexpr uint32_t kDomains = 1;
// SCTLR: MMU, caches and branch prediction on, and what is one in every ARMv7; neither TEX remap nor access
// flag (TRE, AFE), as EDK II has it. Exceptions are ARM code and, until the kernel says otherwise, by VBAR.
inline constexpr uint32_t kSctlr = 0x00c5'187d;
inline constexpr uint32_t kSctlrHighVectors = 1u << 13;

}  // namespace loader::arm
