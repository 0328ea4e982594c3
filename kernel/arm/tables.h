// The page tables in use: short descriptors (ARM ARM DDI 0406C, section B3.5). A second-level table is made
// as Linux makes it (loader/arm/page_entry.h): two for 2 MiB, which have a frame for themselves.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/arm/cpu.h"
#include "kernel/page_walk.h"
#include "mm/arm/descriptors.h"

namespace kernel::arm {

// Data of the kernel; and constants, code.
inline constexpr mm::arm::Rights kData{
    .write = true, .execute = false, .user = false, .shared = true};
inline constexpr mm::arm::Rights kConstants{
    .write = false, .execute = false, .user = false, .shared = true};
inline constexpr mm::arm::Rights kCode{
    .write = false, .execute = true, .user = false, .shared = true};

// The entry that maps an address, of whichever level; null: none does. What it maps begins at a multiple
// of `size`.
struct Place {
  uint32_t* entry = nullptr;
  uint32_t size = 0;
};
[[nodiscard]] Place find_place(uint32_t virt);

// Changes an entry; what was translated by it is forgotten before another stands there (section B3.10.1).
void change(const Place& place, uint32_t virt, uint32_t entry);

// Maps a page where none is mapped. Of a MiB that has no table take() gives one, zeroed, 4 KiB; false: it had
// none, or a section is mapped there.
template <class Take>
bool map_small_page(uint32_t virt, mm::Phys page, const mm::arm::Rights& rights, Take take,
                    const mm::arm::Attributes& how = mm::arm::kWriteAllocate);

// Both halves of a frame become the tables of the 2 MiB that have the address, where there is none yet.
void link_tables(uint32_t virt, mm::Phys frame);

// What of the 2 MiB that have the address has this frame's tables has none any more, on any CPU.
void unlink_tables(uint32_t virt, mm::Phys frame);

// --- How ---
// The first level's entry.
[[nodiscard]] uint32_t& root_entry(uint32_t virt);
[[nodiscard]] uint32_t& table_entry(uint32_t table, uint32_t virt);

template <class Take>
bool map_small_page(uint32_t virt, mm::Phys page, const mm::arm::Rights& rights, Take take,
                    const mm::arm::Attributes& how) {
  uint32_t& first = root_entry(virt);
  if ((first & mm::arm::kTypeMask) == 0) {
    const mm::Phys frame = take();
    if (frame == mm::Phys{0}) return false;
    link_tables(virt, frame);
  }
  if ((first & mm::arm::kTypeMask) != mm::arm::kTable) return false;
  uint32_t& entry = table_entry(first, virt);
  entry = mm::arm::small_page(page, how, rights);
  publish_entry(&entry);
  return true;
}

}  // namespace kernel::arm
