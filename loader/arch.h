// The seam: what the loader asks of the architecture it builds a world for, defined in
// loader/<arch>/. Pure, as all of loader/.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "arch_tables.h"  // PageTables, in the form or the forms that its kernels have
#include "loader/handoff/handoff.h"
#include "loader/page_tables.h"
#include "mm/direct_map.h"
#include "mm/types.h"
#include "mm/virtual_range.h"

namespace loader {

// What an ELF image of a kernel for it says of itself.
struct ElfKind {
  uint16_t machine;  // e_machine
  bool wide;         // ELFCLASS64, or else ELFCLASS32
};
// Its own first, then those of others that it can start where the CPU can run them.
[[nodiscard]] std::span<const ElfKind> elf_kinds();

// What a boot entry for it says in `architecture` (the Boot Loader Specification: UEFI's short name).
[[nodiscard]] const char* entry_architecture();

// Where the kernel's world has what, by the levels of its page tables.
struct AddressSpace {
  uint64_t direct_map = 0;  // virtual address at which physical 0 stands; if narrow, modulo 2^32
  uint64_t direct_map_end = 0;   // KASLR may have it up to there; 0: it stays
  mm::Phys first{};              // what the direct map begins with
  uint64_t direct_map_size = 0;  // bytes that fit there
  uint64_t identity_size = 0;    // bytes that can be mapped at their own addresses
  // Addresses of 32 bits are too few for all of that. Of RAM what does not fit into the direct map
  // is not mapped: it is highmem. What is no RAM and lies below 4 GiB is where the direct map would
  // have it if it went on, modulo 2^32, but for what would stand in `kept`, where the kernel itself
  // is. At its own address is only what replaces the page tables.
  bool narrow = false;
  std::array<mm::VirtualRange, 3> kept{};

  [[nodiscard]] constexpr mm::Range lowmem() const { return {first, first + direct_map_size}; }

  // What a range begins with that stands in one stretch of the narrow space, and where it does.
  struct Piece {
    mm::Range range;
    uint64_t virt;
    bool kept;  // it has no place: there is the kernel, or a null pointer leads there
  };
  [[nodiscard]] constexpr Piece first_piece(mm::Range range) const {
    const uint64_t virt = static_cast<uint32_t>(direct_map + range.start.v);
    const bool null = virt < mm::kPageSize;
    Piece piece{range, virt, null};
    uint64_t border = null ? mm::kPageSize : uint64_t{1} << 32;
    for (const mm::VirtualRange& ours : kept) {
      if (virt < ours.start && ours.start < border) border = ours.start;
      if (!ours.contains(virt)) continue;
      piece.kept = true;
      border = ours.end;
    }
    if (range.size() > border - virt) piece.range.end = range.start + (border - virt);
    return piece;
  }
  // Whether all of it has one.
  [[nodiscard]] constexpr bool has_place(mm::Range range) const {
    while (narrow && !range.empty()) {
      const Piece piece = first_piece(range);
      if (piece.kept) return false;
      range.start = piece.range.end;
    }
    return true;
  }
};
[[nodiscard]] AddressSpace address_space(const PagingFeatures& paging);

// Whether low memory is a PC's: page 0 is the BIOS's, and other CPUs begin in real mode, below 1 MiB.
[[nodiscard]] bool has_pc_low_memory();

// Which page tables the kernel is to have: those of the CPU, or others that it has, too, where the
// options ask for them by name.
[[nodiscard]] PagingFeatures paging_for(const PagingFeatures& cpu, std::string_view options);

// A tree of page tables that the CPU uses: not ours, but in our architecture's form.
struct LiveTables {
  mm::Phys root;
  unsigned levels = 4;  // 0: paging is off; Arm's short descriptors: 2
  unsigned root_entries = 512;
};
// Its frames, found by walking it from its root. Frames that follow each other in the walk and in
// memory are one range. Returns how many ranges there are, which may be more than fit. An error: there
// are more than TableRuns::kMostTables, each counted as often as an entry leads to it.
mm::Result<size_t> live_page_tables(const LiveTables& tables, const mm::DirectMap& reach,
                                    std::span<mm::Range> out);

}  // namespace loader
