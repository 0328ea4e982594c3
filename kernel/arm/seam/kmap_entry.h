// What kernel/narrow/kmap.cpp has to know of an entry that maps 4 KiB, and of the tables above it.
#pragma once

#include <array>

#include "kernel/arm/paging.h"
#include "kernel/arm/tables.h"
#include "mm/arm/paging.h"

namespace kernel::narrow {

using KmapTable = std::array<uint32_t, 512>;

// The entries of a window.
class KmapSlots {
 public:
  // Where the windows are, by the age that is followed, and how many pages one has for a moment; kept are
  // 512.
  static uint64_t pkmap() { return mm::arm::kPkmap.start; }
  static uint64_t fixmap() { return mm::arm::fixmap_of(arm::age()).start; }
  static constexpr size_t kFixmapSlots = mm::arm::kOldFixmap.size() / mm::kPageSize;
  static_assert(mm::arm::kPkmap.size() == 512 * mm::kPageSize &&
                mm::arm::kFixmap.size() >= mm::arm::kOldFixmap.size());

  constexpr KmapSlots() = default;
  explicit KmapSlots(uint32_t* entries) : entries_(entries) {}

  // What a slot has; nothing: address 0, which is no highmem.
  [[nodiscard]] mm::Phys page(size_t slot) const {
    return mm::Phys{entries_[slot] & ~uint32_t{mm::kPageSize - 1}};
  }
  void clear(size_t slot) { entries_[slot] = 0; }
  // Where nothing was.
  void set(size_t slot, mm::Phys page) {
    entries_[slot] = data(page);
    arm::publish_entry(&entries_[slot]);
  }
  // What was translated there is forgotten.
  void replace(size_t slot, mm::Phys page, uint64_t virt) {
    arm::change({&entries_[slot], mm::kPageSize}, static_cast<uint32_t>(virt), data(page));
  }
  static void forget_all() { arm::forget_all_pages(); }

 private:
  static uint32_t data(mm::Phys page) {
    return mm::arm::small_page(page, mm::arm::kWriteAllocate, arm::kData);
  }
  uint32_t* entries_ = nullptr;
};

// The entries of an address's page and those behind it: of the tables that are there (kmap_init), or else
// `table`, two for 2 MiB that lie at `place`, becomes part of those in use.
inline KmapSlots install(KmapTable& /*table*/, mm::Phys place, uint64_t virt) {
  const auto at = static_cast<uint32_t>(virt);
  arm::link_tables(at, place);
  return KmapSlots(&arm::table_entry(arm::root_entry(at), at));
}

}  // namespace kernel::narrow
