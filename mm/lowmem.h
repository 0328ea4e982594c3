// 32-bit address spaces: which RAM the kernel can map for good, and how it is mapped.
//
// A 32-bit kernel lives above PAGE_OFFSET. RAM it maps there once and for all is lowmem; what does
// not fit is highmem, reached through a few temporary mappings. From Linux's arch/arm/mm/mmu.c
// (sanity_check_meminfo, map_lowmem, kmap_init, devicemaps_init) and arch/x86/mm/init_32.c.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "mm/layout.h"
#include "mm/result.h"
#include "mm/types.h"

namespace mm {

// Virtual addresses of a 32-bit kernel, half-open; 2^32 is the end.
struct VirtualRange {
  uint64_t start = 0, end = 0;
  friend bool operator==(const VirtualRange&, const VirtualRange&) = default;
};

// Where ARM has what; PAGE_OFFSET and VMALLOC_END are configuration.
struct Arm32Space {
  uint64_t page_offset = 0xc0000000;
  uint64_t vmalloc_end = 0xff000000;
  Phys phys_offset;  // RAM's first byte, which PAGE_OFFSET maps

  // Linux keeps 240 MiB for vmalloc, and 8 MiB between lowmem and it.
  static constexpr uint64_t kVmallocReserve = 240 * kMiB;
  static constexpr uint64_t kVmallocOffset = 8 * kMiB;

  [[nodiscard]] constexpr uint64_t lowmem_size() const {
    return vmalloc_end - kVmallocReserve - kVmallocOffset - page_offset;
  }
  // Lowmem ends here, or where RAM ends.
  [[nodiscard]] constexpr Phys lowmem_limit() const { return phys_offset + lowmem_size(); }
  [[nodiscard]] constexpr uint64_t virt(Phys p) const { return p - phys_offset + page_offset; }
  // The page of exception vectors.
  [[nodiscard]] constexpr VirtualRange vectors() const { return {0xffff0000, 0xffff1000}; }
  // The window through which highmem is mapped for longer (pkmap): 512 pages below PAGE_OFFSET.
  [[nodiscard]] constexpr VirtualRange pkmap() const {
    return {page_offset - 512 * kPageSize, page_offset};
  }
};

// IA-32 with 3 GiB for programs: 1 GiB less 128 MiB for vmalloc and fixed mappings.
inline constexpr uint64_t kIa32Lowmem = 896 * kMiB;

struct Bank {
  Range range;
  NodeId node = 0;
  bool highmem = false;

  friend bool operator==(const Bank&, const Bank&) = default;
};

// sanity_check_meminfo: sorts the first `count` banks by address, cuts each that crosses the limit
// in two and marks what lies above as highmem. Returns how many banks there are then. Fails when
// banks overlap or there is no room for a cut one.
Result<size_t> sanity_check_meminfo(std::span<Bank> banks, size_t count, Phys limit);

// check_initrd: the node whose bank holds all of it; kNoNode when none does.
[[nodiscard]] NodeId check_initrd(std::span<const Bank> banks, Range initrd);

// find_limits: the frames where lowmem begins and ends and where highmem ends.
struct BankLimits {
  Pfn min, max_low, max_high;
};
[[nodiscard]] BankLimits find_limits(std::span<const Bank> banks);

// One piece of lowmem's mapping.
struct LowmemArea {
  Range physical;
  uint64_t virt = 0;
  bool execute = false;  // RWX, else RW

  friend bool operator==(const LowmemArea&, const LowmemArea&) = default;
};

inline constexpr uint64_t kSectionSize = kMiB;  // of ARM's first-level page table

// map_lowmem: the areas of one bank of lowmem, at most three: before the kernel's executable range,
// that range, and after it. The range's borders are rounded outward to sections, which can only be
// mapped whole. Returns how many there are.
size_t map_lowmem(const Arm32Space& space, Range bank, Range kernel_executable,
                  std::array<LowmemArea, 3>& areas);

}  // namespace mm
