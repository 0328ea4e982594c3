// The zero page: one page of zeroes, which all may read that have nothing yet. Whoever writes there gets
// a page of his own then, as in Linux (arch/arm/mm/mmu.c's empty_zero_page, mm/memory.c's do_wp_page).
// There are no users here: what is mapped so is for the self-test that takes the fault.
#pragma once

#include <cstdint>

#include "mm/types.h"

namespace kernel::arm {

// Maps the zero page at a page that is not mapped, to be read only; the first write there gets `copy`,
// which is zeroed. One at a time. `table` is a zeroed frame, for where no table is. False: there is
// something mapped.
bool map_zero_page(uint32_t virt, mm::Phys zero, mm::Phys copy, mm::Phys table);
// Whether the page has been copied.
[[nodiscard]] bool zero_page_was_copied();
// What is mapped there is taken away, and the table, if it was made for it; no CPU uses any of the four
// frames any more.
void unmap_zero_page(mm::Phys table);

// Of an exception: a write to an address that may only be read. False: it is nobody's zero page.
bool copy_zero_page(uint32_t address);

}  // namespace kernel::arm
