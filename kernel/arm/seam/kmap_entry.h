// What kernel/narrow/kmap.cpp has to know of an entry that maps 4 KiB, and of the tables above it.
#pragma once

#include "kernel/arm/paging.h"
#include "kernel/arm/tables.h"
#include "mm/arm/paging.h"

namespace kernel::narrow {

struct KmapEntry {
  using Word = uint32_t;
  // Where the window is, by the age that is followed, and how many pages it has for a moment; kept are 512.
  static uint64_t pkmap() { return mm::arm::kPkmap.start; }
  static uint64_t fixmap() { return mm::arm::fixmap_of(arm::age()).start; }
  static constexpr size_t kFixmapSlots = mm::arm::kOldFixmap.size() / mm::kPageSize;
  static_assert(mm::arm::kPkmap.size() == 512 * mm::kPageSize &&
                mm::arm::kFixmap.size() >= mm::arm::kOldFixmap.size());

  static bool is_present(Word entry) { return (entry & mm::arm::kTypeMask) != 0; }
  static uint64_t address(Word entry) { return entry & ~Word{mm::kPageSize - 1}; }
  static Word data(mm::Phys page) {
    return mm::arm::small_page(page, mm::arm::kWriteAllocate, arm::kData);
  }
  static void replace(Word& entry, mm::Phys page, uint64_t virt) {
    arm::change({&entry, mm::kPageSize}, static_cast<uint32_t>(virt), data(page));
  }
  // Where nothing was.
  static void set(Word& entry, mm::Phys page) {
    entry = data(page);
    arm::publish_entry(&entry);
  }
  static void forget_all() { arm::forget_all_pages(); }
};

// The entries of an address's page and those behind it: of the tables that are there (kmap_init), or else
// `table`, two for 2 MiB that lie at `place`, becomes part of those in use.
inline KmapEntry::Word* install(KmapEntry::Word* /*table*/, mm::Phys place, uint64_t virt) {
  const auto at = static_cast<uint32_t>(virt);
  arm::link_tables(at, place);
  return &arm::table_entry(arm::root_entry(at), at);
}

}  // namespace kernel::narrow
