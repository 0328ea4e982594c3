// paging_init of 32-bit Arm on real tables, as Linux 2.6.34 and 4.14 have it (arch/arm/mm/mmu.c): what
// mm/arm/lowmem.h says in ranges is written into mm/arm/tables.h. Nothing here touches a CPU.
//
//     MemTypes types = build_mem_type_table(cpu)      and its line, say_memory_policy()
//     prepare_page_table   nothing stays mapped but the first bank of lowmem, and what is kept
//     map_lowmem           2.6.34: each bank, to write and to run. 4.14: each region, to write; the
//                          kernel's executable range also to run
//     devicemaps_init      the page of vectors, then what the platform has mapped (map_io)
//     kmap_init            tables for pkmap and fixmap
//     ...                  and when the kernel has booted
//     fix_kernmem_perms    nothing is to be written and run any more
//
// Tables may be new ones (Tables::clear_all()) that are put into use afterwards, or those in use. With
// the latter whatever is touched meanwhile, code, stack and the tables themselves, must lie in the
// first bank or in `kept`, as Linux's own lies in the first bank; and what changes must be forgotten by
// the TLB after each step.
#pragma once

#include <cstdint>
#include <span>

#include "mm/arm/lowmem.h"
#include "mm/arm/space.h"
#include "mm/arm/tables.h"
#include "mm/e820.h"
#include "mm/print.h"
#include "mm/result.h"
#include "mm/types.h"

namespace mm::arm {

// An age's own layout, for RAM that begins at `phys_offset`.
[[nodiscard]] Arm32Space space_of(Age age, Phys phys_offset);
[[nodiscard]] VirtualRange fixmap_of(Age age);

// `Memory policy: Data cache writealloc`, or what 2.6.34 says.
void say_memory_policy(Age age, const MemTypes& types, const Printer& out);

// Banks (2.6.34) or regions (4.14) of the RAM that e820 has, in whole pages, those that touch as one:
// cut at lowmem's borders and marked, by sanity_check_meminfo or as adjust_lowmem_bounds and the
// reading of the device tree do it. What lies below PHYS_OFFSET is named, and is no lowmem. Returns how
// many there are; fails when `room` is too small for them.
Result<size_t> find_banks(Age age, const Arm32Space& space, std::span<const E820Entry> e820,
                          std::span<Bank> room, const Printer& out);

struct PagingPlan {
  Arm32Space space;
  std::span<const Bank> banks;  // in ascending order; of highmem nothing is mapped
  // Of the kernel what is executable until fix_kernmem_perms (4.14's kernel_x_start to kernel_x_end);
  // widened to sections. 2.6.34 does not ask.
  Range kernel_executable;
  // The page of vectors, or two, the second of them with what they branch to.
  Range vectors;
  // What the platform has mapped always: devices, and the kernel's own where it is outside lowmem.
  std::span<const MapDesc> map_io;
  // Stays mapped while tables in use are written anew; whole PMDs of it.
  std::span<const VirtualRange> kept;
};

// high_memory: the virtual address at which lowmem ends.
[[nodiscard]] uint64_t high_memory(const PagingPlan& plan);
// VMALLOC_START: the multiple of 8 MiB behind it.
[[nodiscard]] uint64_t vmalloc_start(const PagingPlan& plan);

// All of them in this order. Fails where one does, and names what has no place.
Result<> paging_init(Tables& tables, const PagingPlan& plan, const MemTypes& types);
// Frames for tables that it takes at most; the root is not among them.
[[nodiscard]] uint64_t tables_for(Age age, const PagingPlan& plan);

void prepare_page_table(Tables& tables, const PagingPlan& plan);
Result<> map_lowmem(Tables& tables, const PagingPlan& plan, const MemTypes& types);
Result<> devicemaps_init(Tables& tables, const PagingPlan& plan, const MemTypes& types);
Result<> kmap_init(Tables& tables, const PagingPlan& plan);

// What of lowmem is mapped how, in ascending order: by map_lowmem of the tables' age. Returns how
// many areas there are, which may be more than fit.
[[nodiscard]] size_t lowmem_areas(Age age, const PagingPlan& plan, std::span<MappedArea> areas);
// fix_kernmem_perms and mark_rodata_ro, for a kernel that runs in lowmem: as mm::fix_kernmem_perms()
// says, and what 2.6.34 had to be run behind the kernel is not, either. `room` is for lowmem's areas,
// each cut by the kernel's parts.
Result<> fix_kernmem_perms(Tables& tables, const PagingPlan& plan, const KernelParts& kernel,
                           std::span<MappedArea> room);
// Gives areas their rights, in order; for a kernel whose parts do not begin on sections. For borders
// inside a section give_tables() must have been called, before the tables were put into use.
Result<> set_rights(Tables& tables, std::span<const MappedArea> areas);

// "Virtual kernel memory layout", which both ages print in mem_init. The kernel's own sections are
// printed behind it by who knows them; 2.6.34's line on DMA is not, as there is no such area.
void print_layout(Age age, const PagingPlan& plan, const Printer& out);

}  // namespace mm::arm
