// The seam: what the loader asks of the architecture it builds a world for, defined in
// loader/<arch>/. Pure, as all of loader/.
#pragma once

#include <cstdint>
#include <span>

#include "loader/handoff/handoff.h"
#include "loader/page_tables.h"
#include "mm/direct_map.h"
#include "mm/types.h"

namespace loader {

// What an ELF image of a kernel for it says of itself.
struct ElfKind {
  uint16_t machine;  // e_machine
  bool wide;         // ELFCLASS64, or else ELFCLASS32
};
[[nodiscard]] ElfKind elf_kind();

// What a boot entry for it says in `architecture` (the Boot Loader Specification: UEFI's short name).
[[nodiscard]] const char* entry_architecture();

// Where the kernel's world has what, by the levels of its page tables.
struct AddressSpace {
  uint64_t direct_map = 0;       // virtual address at which physical 0 stands
  uint64_t direct_map_size = 0;  // bytes that fit there
  uint64_t identity_size = 0;    // bytes that can be mapped at their own addresses
  // Addresses of 32 bits are too few for all of that. Of RAM what does not fit into the direct map
  // is not mapped: it is highmem. What is no RAM and lies below 4 GiB is where the direct map would
  // have it if it went on, modulo 2^32, but for `kept`, in whose places the kernel itself is. At its
  // own address is only what replaces the page tables.
  bool narrow = false;
  mm::Range kept{};  // physical
};

// The narrow one.
inline constexpr AddressSpace kNarrowSpace{
    .direct_map = kNarrowDirectMap,
    .direct_map_size = kNarrowLowmem,
    .identity_size = kNarrowDirectMap,
    .narrow = true,
    .kept = {mm::Phys{kNarrowKernel - kNarrowDirectMap},
             mm::Phys{kNarrowKernel - kNarrowDirectMap + kNarrowKernelSize}}};
[[nodiscard]] AddressSpace address_space(const PagingFeatures& paging);

// Whether low memory is a PC's: page 0 is the BIOS's, and other CPUs begin in real mode, below 1 MiB.
[[nodiscard]] bool has_pc_low_memory();

// The form of this architecture's entries; its builder is defined there too.
struct ArchEntry;
using PageTables = TableBuilder<ArchEntry>;

// A tree of page tables that the CPU uses: not ours, but in our architecture's form.
struct LiveTables {
  mm::Phys root;
  unsigned levels = 4;  // 0: paging is off
  unsigned root_entries = 512;
};
// Its frames, found by walking it from its root. Frames that follow each other in the walk and in
// memory are one range. Returns how many ranges there are, which may be more than fit.
size_t live_page_tables(const LiveTables& tables, const mm::DirectMap& reach,
                        std::span<mm::Range> out);

}  // namespace loader
