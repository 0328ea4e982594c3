// What kernel/narrow/kmap.cpp has to know of an entry that maps 4 KiB, and of the tables above it.
#pragma once

#include "kernel/arm/tables.h"
#include "mm/arm/space.h"

namespace kernel::narrow {

struct KmapEntry {
  using Word = uint32_t;
  // Where the window is: 512 pages for either.
  static constexpr uint64_t kPkmap = mm::arm::kPkmap.start, kFixmap = mm::arm::kFixmap4_14.start;
  static_assert(mm::arm::kPkmap.size() == 512 * mm::kPageSize &&
                mm::arm::kFixmap4_14.size() >= 512 * mm::kPageSize);

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

// Two tables of 1 MiB that follow each other become part of those in use; they lie at `place`.
inline void install(mm::Phys place, uint64_t virt) {
  arm::link_tables(static_cast<uint32_t>(virt), place);
}

}  // namespace kernel::narrow
