// x86-64 page tables, four or five levels (Intel SDM vol. 3A chapter 4).
//
// Tables come from a pool of frames given up front, so that building needs no allocator and cannot
// fail half-way for want of one when the pool is as large as pages_for() says. Mapping uses the
// largest page that fits: 1 GiB where the CPU has it, 2 MiB, 4 KiB. A later call overrides an
// earlier one, splitting large pages at its borders.
#pragma once

#include <cstdint>
#include <optional>

#include "mm/direct_map.h"
#include "mm/result.h"
#include "mm/types.h"

namespace loader {

struct PagingFeatures {
  unsigned levels = 4;  // 4, or 5 with CR4.LA57
  bool nx = true;       // without it no entry has the NX bit: everything is executable
  bool gigabyte_pages = true;
  unsigned physical_bits = 52;  // CPUID 0x80000008; an entry with a higher one faults
};

enum class Cache : uint8_t { WriteBack, Uncached };

struct Access {
  bool write = false;
  bool execute = false;
  Cache cache = Cache::WriteBack;

  friend bool operator==(const Access&, const Access&) = default;
};

// What a virtual address translates to.
struct Translation {
  mm::Phys address;
  uint64_t page_size = 0;  // 4 KiB, 2 MiB or 1 GiB
  Access access;
};

class PageTables {
 public:
  // `pool` is page-aligned and reached through `map`; its content does not matter.
  PageTables(mm::Range pool, const mm::DirectMap& map, const PagingFeatures& features)
      : pool_(pool), next_(pool.start), map_(map), features_(features) {}

  // Takes the root table from the pool. First call.
  mm::Result<> start();
  // Maps [virt, virt + range size) to the range. All three must be multiples of 4 KiB and the
  // virtual range canonical and inside one half.
  mm::Result<> map(uint64_t virt, mm::Range range, Access access);
  // Takes over another tree's top-level entries for the upper half: both share what is below them.
  void share_upper_half(const PageTables& other);

  [[nodiscard]] std::optional<Translation> translate(uint64_t virt) const;
  // Calls visit(virt, Translation) for every mapped page, in ascending virtual order.
  template <class Visit>
  void for_each_page(Visit visit) const {
    walk(root_, features_.levels, 0, Access{true, true, Cache::WriteBack}, visit);
  }

  [[nodiscard]] mm::Phys root() const { return root_; }
  // What of the pool is in use; the rest may be given back.
  [[nodiscard]] mm::Range used() const { return {pool_.start, next_}; }

  // The most tables, root left out, that mapping `ranges` disjoint ranges of `bytes` together below
  // virtual offset `end` can take: at every level a partly used table at either end of each and the
  // full ones between, but never more than cover the span. `congruent`: virtual and physical
  // address differ by a multiple of 1 GiB, so that large pages fit wherever the CPU has them.
  [[nodiscard]] static uint64_t pages_for(uint64_t ranges, uint64_t bytes, uint64_t end,
                                          const PagingFeatures& features, bool congruent);

 private:
  static constexpr uint64_t kPresent = 1, kWrite = 2, kWriteThrough = 8, kCacheDisable = 16,
                            kLarge = 128, kNoExecute = uint64_t{1} << 63,
                            kAddress = 0x000f'ffff'ffff'f000;

  mm::Result<mm::Phys> new_table();
  mm::Result<> map_level(mm::Phys table, unsigned level, uint64_t virt, mm::Range range,
                         Access access);
  mm::Result<mm::Phys> table_below(uint64_t& entry, unsigned level);
  [[nodiscard]] bool leaf_allowed(unsigned level) const {
    return level == 1 || level == 2 || (level == 3 && features_.gigabyte_pages);
  }
  [[nodiscard]] uint64_t leaf_bits(Access access, unsigned level) const;
  [[nodiscard]] Access access_of(uint64_t entry) const {
    return {(entry & kWrite) != 0, !features_.nx || (entry & kNoExecute) == 0,
            (entry & kCacheDisable) != 0 ? Cache::Uncached : Cache::WriteBack};
  }
  static constexpr unsigned shift(unsigned level) { return mm::kPageShift + 9 * (level - 1); }
  // Bits of the address above the top level repeat its highest bit.
  [[nodiscard]] uint64_t canonical(uint64_t virt) const {
    const unsigned unused = 64 - shift(features_.levels + 1);
    return static_cast<uint64_t>(static_cast<int64_t>(virt << unused) >> unused);
  }

  template <class Visit>
  void walk(mm::Phys table, unsigned level, uint64_t virt, Access above, Visit& visit) const {
    const auto* entries = map_.at<const uint64_t>(table);
    for (uint64_t i = 0; i < 512; ++i) {
      const uint64_t entry = entries[i];
      if ((entry & kPresent) == 0) continue;
      const uint64_t here = canonical(virt | i << shift(level));
      Access access = access_of(entry);
      access.write &= above.write;
      access.execute &= above.execute;
      if (level == 1 || (entry & kLarge) != 0) {
        const uint64_t size = uint64_t{1} << shift(level);
        visit(here, Translation{mm::Phys{entry & kAddress & ~(size - 1)}, size, access});
      } else {
        walk(mm::Phys{entry & kAddress}, level - 1, here, access, visit);
      }
    }
  }

  mm::Range pool_;
  mm::Phys next_;  // first frame of the pool not yet taken
  mm::DirectMap map_;
  PagingFeatures features_;
  mm::Phys root_;
};

}  // namespace loader
