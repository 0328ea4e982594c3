// 32-bit address spaces: which RAM the kernel can map for good, and how it is mapped.
//
// A 32-bit kernel lives above PAGE_OFFSET. RAM it maps there once and for all is lowmem; what does
// not fit is highmem, reached through a few temporary mappings. Here are the steps of ARM's
// paging_init and bootmem_init that are arithmetic: each gives the ranges that it maps, keeps or
// clears, and how; it is mm/arm/paging.h that writes page tables. Two kernels are followed, Linux
// 2.6.34 (banks and bootmem) and 4.14 (memblock): arch/arm/mm/mmu.c, arch/arm/mm/init.c. IA-32 is
// in mm/x86_64/ia32.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "mm/early_res.h"
#include "mm/layout.h"
#include "mm/memblock.h"
#include "mm/platform.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"
#include "mm/virtual_range.h"

namespace mm {

inline constexpr uint64_t kSectionSize = kMiB;  // of ARM's first-level page table
inline constexpr uint64_t kPmdSize = 2 * kMiB;  // Linux takes two of its entries together
inline constexpr uint64_t kPgdirSize = 16 * kKiB;
inline constexpr uint64_t kLastPkmap = 512;  // entries of pkmap's page table

// Where ARM has what. PAGE_OFFSET and VMALLOC_END are configuration.
struct Arm32Space {
  uint64_t page_offset = 0xc0000000;
  uint64_t vmalloc_end = 0xff000000;
  Phys phys_offset;  // RAM's first byte, which PAGE_OFFSET maps
  // From 3.x on 240 MiB are kept for vmalloc, and 8 MiB between lowmem and it.
  uint64_t vmalloc_reserve = 240 * kMiB;
  uint64_t vmalloc_offset = 8 * kMiB;

  // Of 2.6.3x: 128 MiB for vmalloc, and no gap.
  static constexpr Arm32Space linux_2_6(uint64_t page_offset, uint64_t vmalloc_end,
                                        Phys phys_offset) {
    return {page_offset, vmalloc_end, phys_offset, 128 * kMiB, 0};
  }

  [[nodiscard]] constexpr uint64_t lowmem_size() const {
    return vmalloc_end - vmalloc_reserve - vmalloc_offset - page_offset;
  }
  // Lowmem ends here (VMALLOC_MIN as a physical address), or where RAM ends.
  [[nodiscard]] constexpr Phys lowmem_limit() const { return phys_offset + lowmem_size(); }
  [[nodiscard]] constexpr uint64_t virt(Phys p) const { return p - phys_offset + page_offset; }
  // The page of exception vectors.
  [[nodiscard]] constexpr VirtualRange vectors() const { return {0xffff0000, 0xffff1000}; }
  // The window through which highmem is mapped for longer (pkmap): 512 pages below PAGE_OFFSET.
  [[nodiscard]] constexpr VirtualRange pkmap() const {
    return {page_offset - kLastPkmap * kPageSize, page_offset};
  }
};

// vmalloc=: exactly so many bytes for vmalloc, and no gap; at least 16 MiB, and at least 32 MiB are
// left for lowmem. What is limited so is said, in Linux's words.
void early_vmalloc(Arm32Space& space, uint64_t reserve, const Printer& out);

// --- Which RAM is lowmem ---

struct Bank {
  Range range;
  NodeId node = 0;
  bool highmem = false;

  friend bool operator==(const Bank&, const Bank&) = default;
};

// sanity_check_meminfo (2.6.34): sorts the first `count` banks by address, cuts each that crosses
// the space's limit or PHYS_OFFSET and marks what lies above the one or below the other as highmem.
// Linux does not cut at PHYS_OFFSET. Of highmem below lowmem there can be no zone (zones ascend);
// it is named in a line, `Ignoring RAM at ...`, and find_limits leaves it out. Returns how many
// banks there are then. Fails when banks overlap or there is no room for a cut one.
Result<size_t> sanity_check_meminfo(std::span<Bank> banks, size_t count, const Arm32Space& space,
                                    const Printer& out);

// check_initrd: the node whose bank holds all of it; kNoNode when none does.
[[nodiscard]] NodeId check_initrd(std::span<const Bank> banks, Range initrd);

// The frames where lowmem begins and ends and where highmem ends. Without lowmem `max_low` is 0.
struct BankLimits {
  Pfn min, max_low, max_high;
  friend bool operator==(const BankLimits&, const BankLimits&) = default;
};
// find_node_limits (2.6.34): of one node's banks, or of all with kNoNode.
[[nodiscard]] BankLimits find_limits(std::span<const Bank> banks, NodeId node = kNoNode);
// find_limits (4.14): `lowmem_limit` is what memblock's current limit is by then.
[[nodiscard]] BankLimits find_limits(std::span<const MemblockRegion> memory, Phys lowmem_limit);

// adjust_lowmem_bounds (4.14), without its cut of memory where there is no HighMem.
struct LowmemBounds {
  Phys lowmem_limit;    // arm_lowmem_limit: where lowmem ends
  Phys memblock_limit;  // until lowmem is mapped nothing may be allocated above: in whole PMDs up
                        // to the first region whose start or end is none
};
[[nodiscard]] LowmemBounds adjust_lowmem_bounds(std::span<const MemblockRegion> memory,
                                                const Arm32Space& space);

// --- How it is mapped ---

// A piece of memory in the kernel's address space.
struct MappedArea {
  Range physical;
  uint64_t virt = 0;
  bool execute = false;
  bool write = true;

  friend bool operator==(const MappedArea&, const MappedArea&) = default;
};

// prepare_page_table: what is cleared before lowmem is mapped, by the tables the kernel was entered
// with: all below PAGE_OFFSET, and all above the first bank (or region) of lowmem, which holds the
// kernel, up to VMALLOC_END.
[[nodiscard]] std::array<VirtualRange, 2> prepare_page_table(const Arm32Space& space,
                                                             Range first_bank);

// map_memory_bank (2.6.34): a bank as a whole, to write and to execute (MT_MEMORY).
[[nodiscard]] MappedArea map_memory_bank(const Arm32Space& space, Range bank);

// map_lowmem (4.14): the areas of one region of lowmem. One that ends below the kernel's executable
// range (kernel_x_start) is RWX as a whole, one that begins behind it RW. The region that holds the
// kernel has three at most: RW before that range, RWX it, RW after it. The range's borders are
// rounded outward to sections, which can only be mapped whole. Returns how many areas there are.
size_t map_lowmem(const Arm32Space& space, Range region, Range kernel_executable,
                  std::array<MappedArea, 3>& areas);

// What an area is mapped by: a section where a MiB is aligned in both address spaces, else a page
// table from early_alloc for what lies in one PMD.
struct LowmemTables {
  uint64_t sections = 0;
  uint64_t page_tables = 0;
  friend bool operator==(const LowmemTables&, const LowmemTables&) = default;
};
[[nodiscard]] LowmemTables tables_for(const MappedArea& area);

// The kernel's parts, in this order; each begins on a section (_stext, __start_rodata,
// __init_begin, _sdata).
struct KernelParts {
  Phys text, rodata, init, data;
};

// fix_kernmem_perms and mark_rodata_ro (4.14), when the kernel has booted: what lies before text,
// and init, cannot be executed any more, text cannot be written, rodata neither. From then on
// nothing is both (W^X), also not a region below the kernel. Cuts areas, of which the first `count`
// are there; returns how many there are then. Fails, changing nothing, when a part does not begin
// on a section, and when there is no room for a cut area.
Result<size_t> fix_kernmem_perms(const Arm32Space& space, std::span<MappedArea> areas, size_t count,
                                 const KernelParts& kernel);

// devicemaps_init: the page of exception vectors, which the caller allocated low; it can be read
// and executed. What the platform maps (map_io) is the platform's.
[[nodiscard]] MappedArea devicemaps_init(const Arm32Space& space, Phys vectors);

// kmap_init: the page table through which highmem is mapped; the caller allocated it low.
struct Pkmap {
  VirtualRange window;  // 2 MiB, just what one page table maps
  Phys table;

  // PKMAP_ADDR: what entry n of the table maps, n < kLastPkmap.
  [[nodiscard]] constexpr uint64_t address(size_t n) const { return window.start + n * kPageSize; }
};
[[nodiscard]] Pkmap kmap_init(const Arm32Space& space, Phys table);

// --- What is in use in low memory ---

// reserve_node_zero: kernel text and data, the initial page tables (kPgdirSize from `pgdir` on) and
// what lies before them. Fails when one overlaps what is reserved already.
Result<> reserve_node_zero(EarlyRes& reservations, const Arm32Space& space, Phys pgdir,
                           Range kernel);

}  // namespace mm
