// What kernel/narrow/kmap.cpp has to know of an entry that maps 4 KiB, and of the tables above it: PAE's.
#pragma once

#include "kernel/ia32/space.h"
#include "kernel/page_walk.h"
#include "kernel/x86/page_bits.h"

namespace kernel::narrow {

struct KmapEntry : x86::PageBits {
  using Word = uint64_t;
  // Where the window is, and how many pages it has for a moment; kept are 512.
  static uint64_t pkmap() { return ia32::kPkmap.start; }
  static uint64_t fixmap() { return ia32::kFixmap.start; }
  static constexpr size_t kFixmapSlots = 512;
  static_assert(ia32::kPkmap.size == 512 * mm::kPageSize &&
                ia32::kFixmap.size == ia32::kPkmap.size);
  // What was translated there is forgotten by this CPU.
  static void replace(Word& entry, mm::Phys page, uint64_t virt) {
    entry = data(page.v, 1);
    forget(virt);
  }
  // Where nothing was.
  static void set(Word& entry, mm::Phys page) { entry = data(page.v, 1); }
};

// The entries of the 2 MiB at an address: `table`, which lies at `place`, becomes part of those in use.
inline KmapEntry::Word* install(KmapEntry::Word* table, mm::Phys place, uint64_t virt) {
  using x86::PageBits;
  const auto* const root =
      table_map().at<const uint64_t>(mm::Phys{PageBits::address(arch::page_root())});
  const mm::Phys directory{PageBits::address(root[virt >> 30])};
  table_map().at<uint64_t>(directory)[virt >> 21 & 511] =
      place.v | PageBits::kPresent | PageBits::kWrite;
  return table;
}

}  // namespace kernel::narrow
