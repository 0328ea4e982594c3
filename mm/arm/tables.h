// Page tables of 32-bit Arm as Linux writes them (arch/arm/mm/mmu.c): short descriptors
// (mm/arm/descriptors.h), sections of 1 MiB where all is aligned, else small pages.
//
// The double form (arch/arm/include/asm/pgtable-2level.h): two entries of the first level are taken
// together, a PMD of 2 MiB. Either both lead to tables, which stand in one frame and are as one of 512
// entries, or neither does. Of the frame's other half Linux makes two tables of what the CPU has no
// bits for (young, dirty); nobody here asks for these, so it stays zero.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "mm/arm/descriptors.h"
#include "mm/direct_map.h"
#include "mm/result.h"
#include "mm/types.h"
#include "mm/virtual_range.h"

namespace mm::arm {

// Of addresses, virtual ones and those that a descriptor holds.
inline constexpr uint64_t kEnd = uint64_t{1} << 32;

// The two kernels that are followed, by what hands out memory early in them: Linux 2.6.34 and 4.14.
enum class Age : uint8_t { Bootmem, Memblock };

// --- Kinds of memory ---

enum class MemType : uint8_t {
  Device,       // MT_DEVICE: shared
  DeviceWc,     // MT_DEVICE_WC: writes are combined, as memory that is not cached
  LowVectors,   // the kernel's to read and run
  HighVectors,  // and the user's
  MemoryRwx,    // MT_MEMORY_RWX; of 2.6.34 MT_MEMORY, which all of lowmem is
  MemoryRw,
  MemoryRo,
  Rom,  // to read and run; Linux has it in sections only
};
inline constexpr size_t kMemTypes = 8;

// How one is mapped: the same by a section and by a small page. Domain 0.
struct MemTypeEntry {
  Attributes how;
  Rights who;
  bool sections = true;  // else by pages only
  friend constexpr bool operator==(const MemTypeEntry&, const MemTypeEntry&) = default;
};
struct MemTypes {
  std::array<MemTypeEntry, kMemTypes> entries{};
  const char* cache_policy = "";
  [[nodiscard]] const MemTypeEntry& operator[](MemType type) const {
    return entries[static_cast<size_t>(type)];
  }
};

// What of an ARMv7 CPU decides.
struct CpuKind {
  bool smp = true;         // there may be others (MPIDR bit 31, and not bit 30)
  bool tex_remap = false;  // SCTLR.TRE, with PRRR and NMRR as Linux has them
};
// build_mem_type_table: write-allocate and shared when there may be other CPUs, else write-back.
[[nodiscard]] MemTypes build_mem_type_table(const CpuKind& cpu);

// --- Tables ---

// map_desc: what is to be mapped where, all in whole pages.
struct MapDesc {
  Range physical;
  uint64_t virt = 0;
  MemType type = MemType::MemoryRw;
};

// What an address translates to.
struct Mapping {
  Phys address;
  uint64_t size = 0;  // kSectionSize or kPageSize
  Attributes how;
  Rights who;
  friend constexpr bool operator==(const Mapping&, const Mapping&) = default;
};

class Tables {
 public:
  // early_alloc: a frame for tables, whatever is in it.
  struct Frames {
    void* context = nullptr;
    Result<Phys> (*take)(void* context) = nullptr;
  };

  // Tables below `root`, 16 KiB and so aligned: those in use, or new ones after clear_all(). Tables
  // are reached through `map`. Nothing is said to any TLB: who changes tables in use forgets what
  // was there.
  Tables(Phys root, const DirectMap& map, Age age, const Frames& frames)
      : root_(root), map_(map), age_(age), frames_(frames) {}

  [[nodiscard]] Phys root() const { return root_; }
  [[nodiscard]] Age age() const { return age_; }

  void clear_all();
  // pmd_clear: every PMD that lies in the range whole. What tables it had is not given back.
  void clear(VirtualRange range);

  // create_mapping: sections where virtual and physical address and end are multiples of one inside
  // a PMD that has no tables, else pages. What was mapped there before is replaced; a section beside
  // a page is cut into pages. Fails when the ranges are not whole pages, wrap or lie above 4 GiB, or
  // have no frame for a table.
  Result<> create_mapping(const MapDesc& what, const MemTypes& types);

  // early_pte_alloc: the PMD of an address has tables, from here on. What sections it had is mapped
  // by pages. Not for a PMD in use: a CPU may meet both forms at once (ARM ARM B3.10.1).
  Result<> give_tables(uint64_t virt);
  // The entry of its page; null when its PMD has no tables.
  [[nodiscard]] uint32_t* page_entry(uint64_t virt) const;

  // Who may do what from now on with what is mapped there; nothing else changes. Fails, and names
  // where, when a border is no page's, or lies inside a section: give_tables() before.
  Result<> set_rights(VirtualRange range, bool write, bool execute);

  [[nodiscard]] std::optional<Mapping> translate(uint64_t virt) const;

 private:
  // The two entries of an address's PMD.
  [[nodiscard]] uint32_t* pmd(uint64_t virt) const;

  Phys root_;
  DirectMap map_;
  Age age_;
  Frames frames_;
};

}  // namespace mm::arm
