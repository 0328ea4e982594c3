// What kernel/narrow/kmap.cpp has to know of entries that map 4 KiB, and of the tables above them.
#pragma once

#include <array>

#include "kernel/ia32/page_forms.h"
#include "kernel/ia32/space.h"

namespace kernel::narrow {

// Room for the entries of one window, a table of PAE's; without it one table has those of both.
using KmapTable = std::array<uint64_t, 512>;

// The entries of a window.
class KmapSlots {
 public:
  // Where the windows are, and how many pages one has for a moment; kept are 512.
  static uint64_t pkmap() { return ia32::kPkmap.start; }
  static uint64_t fixmap() { return ia32::kFixmap.start; }
  static constexpr size_t kFixmapSlots = 512;
  static_assert(ia32::kPkmap.size == 512 * mm::kPageSize &&
                ia32::kFixmap.size == ia32::kPkmap.size);

  constexpr KmapSlots() = default;
  explicit KmapSlots(uint64_t* wide) : wide_(wide) {}
  explicit KmapSlots(uint32_t* plain) : plain_(plain) {}

  // What a slot has; nothing: address 0, which is no highmem.
  [[nodiscard]] mm::Phys page(size_t slot) const {
    return mm::Phys{
        x86::PageBits::address(wide_ != nullptr ? wide_[slot] : uint64_t{plain_[slot]})};
  }
  void clear(size_t slot) { put(slot, 0); }
  // Where nothing was.
  void set(size_t slot, mm::Phys page) { put(slot, x86::PageBits::data(page.v, 1)); }
  // What was translated there is forgotten by this CPU.
  void replace(size_t slot, mm::Phys page, uint64_t virt) {
    set(slot, page);
    x86::PageBits::forget(virt);
  }
  static void forget_all() { x86::PageBits::forget_all(); }

 private:
  void put(size_t slot, uint64_t entry) {
    if (wide_ != nullptr) {
      wide_[slot] = entry;
    } else {
      plain_[slot] = static_cast<uint32_t>(entry);
    }
  }
  uint64_t* wide_ = nullptr;  // PAE's; null: without
  uint32_t* plain_ = nullptr;
};

// The entries of a window's addresses: `table`, which lies at `place`, becomes part of those in use, or
// the one does that is there already.
inline KmapSlots install(KmapTable& table, mm::Phys place, uint64_t virt) {
  using x86::PageBits;
  const mm::Phys root{PageBits::address(arch::page_root())};
  const uint64_t entry = place.v | PageBits::kPresent | PageBits::kWrite;
  if (x86::has_wide_entries()) {
    const mm::Phys directory{PageBits::address(table_map().at<const uint64_t>(root)[virt >> 30])};
    table_map().at<uint64_t>(directory)[virt >> 21 & 511] = entry;
    return KmapSlots(table.data());
  }
  uint32_t& of_root = table_map().at<uint32_t>(root)[virt >> 22];
  if (!PageBits::is_present(of_root)) of_root = static_cast<uint32_t>(entry);
  auto* const entries = table_map().at<uint32_t>(mm::Phys{PageBits::address(of_root)});
  return KmapSlots(entries + (virt >> 12 & 1023));
}

}  // namespace kernel::narrow
