// Page tables in whatever form the CPU has these. Pure.
//
// Entry says how tables are made up (WideTables, or an architecture's own), and what an entry of
// them looks like:
//     static bool is_present(uint64_t entry), is_table(uint64_t entry, unsigned level);
//     static mm::Phys address(uint64_t entry);    // of the table below, or of the page
//     static constexpr unsigned kFewestLevels, kMostLevels;
//     static constexpr unsigned kFirstShared;     // of the root's: the upper half begins there
//     static uint64_t table(mm::Phys table, unsigned level);
//                                                 // leads there, and allows everything
//     static uint64_t leaf(mm::Phys page, Access access, unsigned level, const PagingFeatures&);
//     static uint64_t part(uint64_t leaf, unsigned level, mm::Phys page);
//                                                 // of a leaf of the level above, the same rights
//     static Access access(uint64_t entry, unsigned level, const PagingFeatures&);
// Level 1 has pages of 4 KiB.
#pragma once

#include <cstdint>
#include <optional>

#include "mm/direct_map.h"
#include "mm/result.h"
#include "mm/types.h"

namespace loader {

// What the CPU's page tables can say, and what the firmware uses of it.
struct PagingFeatures {
  unsigned levels = 4;  // as the firmware left them
  bool nx = true;       // without it everything is executable
  bool gigabyte_pages = true;
  unsigned physical_bits = 52;  // an entry with a higher one faults
  // Where RAM begins (first_ram()), and with it the direct map of 32-bit Arm. Others do not ask.
  mm::Phys first_ram{};
  bool large_pages = true;  // those of level 2
};

enum class Cache : uint8_t { WriteBack, Uncached };

// How most have them: 512 entries of 8 bytes, one table a frame.
struct WideTables {
  using Word = uint64_t;
  // Bits of the address that choose among a table's entries.
  [[nodiscard]] static constexpr unsigned index_bits(unsigned /*level*/) { return 9; }
  // How many tables of a level stand in one frame, for entries that follow each other: these lead
  // to tables or none does.
  [[nodiscard]] static constexpr unsigned together(unsigned /*level*/) { return 1; }
  // Address bits above the top level repeat its highest bit, and the root has two halves; else they
  // are zero.
  static constexpr bool kSigned = true;
};

struct Access {
  bool write = false;
  bool execute = false;
  Cache cache = Cache::WriteBack;

  friend bool operator==(const Access&, const Access&) = default;
};

// What a virtual address translates to.
struct Translation {
  mm::Phys address;
  uint64_t page_size = 0;  // 4 KiB, 2 MiB or 1 GiB; with short descriptors 4 KiB or 1 MiB;
                           // by IA-32's two levels 4 KiB or 4 MiB
  Access access;
};

// Tables come from a pool of frames given up front, so that building needs no allocator and cannot
// fail half-way for want of one when the pool is as large as pages_for() says. Mapping uses the
// largest page that fits. A later call overrides an earlier one, splitting large pages at its
// borders.
template <class Entry>
class TableBuilder {
 public:
  // `pool` is page-aligned and reached through `map`; its content does not matter.
  TableBuilder(mm::Range pool, const mm::DirectMap& map, const PagingFeatures& features)
      : pool_(pool), next_(pool.start), map_(map), features_(features) {}

  // Whether this form of tables is the CPU's.
  [[nodiscard]] static mm::Result<> check(const PagingFeatures& features);
  // Takes the root table from the pool. First call.
  mm::Result<> start();
  // Maps [virt, virt + range size) to the range. All three must be multiples of 4 KiB and the
  // virtual range canonical and, where there are halves, inside one.
  mm::Result<> map(uint64_t virt, mm::Range range, Access access);
  // Takes over another tree's top-level entries for the upper half: both share what is below them.
  void share_upper_half(const TableBuilder& other);

  [[nodiscard]] std::optional<Translation> translate(uint64_t virt) const;
  // Calls visit(virt, Translation) for every mapped page, in ascending virtual order.
  template <class Visit>
  void for_each_page(Visit visit) const {
    const Visitor visitor{&visit, [](void* to, uint64_t virt, const Translation& page) {
                            (*static_cast<Visit*>(to))(virt, page);
                          }};
    walk(root_, features_.levels, 0, Access{true, true, Cache::WriteBack}, visitor);
  }

  [[nodiscard]] mm::Phys root() const { return root_; }
  // What of the pool is in use; the rest may be given back.
  [[nodiscard]] mm::Range used() const { return {pool_.start, next_}; }

  // The most tables, root left out, that mapping `ranges` disjoint ranges of `bytes` together below
  // virtual offset `end` can take: at every level a partly used table at either end of each and the
  // full ones between, but never more than cover the span. `congruent`: virtual and physical
  // address differ by a multiple of the largest page, so that large pages fit wherever the CPU has them.
  [[nodiscard]] static uint64_t pages_for(uint64_t ranges, uint64_t bytes, uint64_t end,
                                          const PagingFeatures& features, bool congruent);
  // What a root takes at most, with what lies unused before it as it must be aligned.
  [[nodiscard]] static uint64_t pages_for_root(const PagingFeatures& features);

 private:
  struct Visitor {
    void* context;
    void (*call)(void* context, uint64_t virt, const Translation& page);
  };

  mm::Result<mm::Phys> new_tables(unsigned level);
  mm::Result<> map_level(mm::Phys table, unsigned level, uint64_t virt, mm::Range range,
                         Access access);
  mm::Result<mm::Phys> table_below(mm::Phys table, uint64_t index, unsigned level);
  [[nodiscard]] bool leaf_allowed(unsigned level) const;
  [[nodiscard]] uint64_t canonical(uint64_t virt) const;
  void walk(mm::Phys table, unsigned level, uint64_t virt, Access above,
            const Visitor& visitor) const;

  mm::Range pool_;
  mm::Phys next_;  // first frame of the pool not yet taken
  mm::DirectMap map_;
  PagingFeatures features_;
  mm::Phys root_;
};

}  // namespace loader
