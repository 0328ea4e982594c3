// What a 32-bit Arm machine has at which virtual address: for the loader, which maps it first, and
// the kernel.
//
//     0000'0000   nothing; from 0000'1000 on devices and tables: whatever is neither RAM of lowmem nor
//                 highmem stands where lowmem would have it if it went on, modulo 2^32. So with RAM
//                 from 0x40000000 on a device at 0x09000000 stands at 0x89000000
//     bfe0'0000   pkmap: 512 pages of highmem, each mapped as long as somebody wants it
//     c000'0000   PAGE_OFFSET: lowmem, from RAM's beginning on, 768 MiB at most
//     f700'0000   the kernel's image, 8 MiB at most
//     f780'0000   other CPUs' stacks, 64 KiB for each
//     ffc0'0000   fixmap of 4.14, to fff0'0000; that of 2.6.34 goes on from there to fffe'0000
//     ffff'0000   the page of exception vectors
//
// pkmap, fixmap and vectors stand where Linux has them (arch/arm/include/asm/{highmem,fixmap}.h,
// Documentation/arm/memory.txt); the image lies in what it gives to vmalloc and to static mappings.
#pragma once

#include <array>
#include <cstdint>

#include "mm/arm/lowmem.h"
#include "mm/types.h"
#include "mm/virtual_range.h"

namespace mm::arm {

inline constexpr uint64_t kPageOffset = 0xc000'0000;
inline constexpr VirtualRange kImage{0xf700'0000, 0xf780'0000};
inline constexpr VirtualRange kAreas{0xf780'0000, 0xf800'0000};  // other CPUs' own
inline constexpr VirtualRange kPkmap{kPageOffset - kLastPkmap * kPageSize, kPageOffset};
inline constexpr VirtualRange kFixmap{0xffc0'0000, 0xfff0'0000};
inline constexpr VirtualRange kOldFixmap{0xfff0'0000, 0xfffe'0000};
inline constexpr VirtualRange kVectors{0xffff'0000, 0xffff'1000};

// What no memory and no device may stand in.
inline constexpr std::array<VirtualRange, 3> kKept{kPkmap, VirtualRange{kImage.start, kAreas.end},
                                                   VirtualRange{kFixmap.start, uint64_t{1} << 32}};

// RAM's first byte, which PAGE_OFFSET maps, is a multiple of what two sections map.
constexpr Phys phys_offset(Phys first_ram) { return align_down(first_ram, kPmdSize); }

// Linux 4.14's: VMALLOC_END 0xff800000, so 768 MiB of lowmem.
constexpr Arm32Space space_4_14(Phys phys_offset) {
  return {.page_offset = kPageOffset, .vmalloc_end = 0xff80'0000, .phys_offset = phys_offset};
}
// And 2.6.34's with VMALLOC_END 0xf8000000, as Arm's own boards have it (mach-vexpress,
// mach-realview): as much.
constexpr Arm32Space space_2_6(Phys phys_offset) {
  return Arm32Space::linux_2_6(kPageOffset, 0xf800'0000, phys_offset);
}
static_assert(space_2_6({}).lowmem_size() == space_4_14({}).lowmem_size());

}  // namespace mm::arm
