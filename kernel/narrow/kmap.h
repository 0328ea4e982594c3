// The kmap window: pages of highmem at addresses of the kernel's, as Linux's mm/highmem.c and its
// arch/{x86,arm}/mm/highmem*.c have them.
//
// Fixmap slots are a CPU's own, a few that it uses in turn (kernel/highmem.h). Pkmap slots are
// everybody's: a page stays where it was mapped until nobody wants it there any more, and its slot
// is not used again before the CPU's translations are forgotten, all at once.
#pragma once

#include "mm/types.h"

namespace kernel::narrow {

// The window's page tables become part of those in use, where there are none yet. Again when others are in
// use, while nobody wants a page.
void open_kmap();

// The page's address, which all that ask for it share; null when all slots are wanted.
[[nodiscard]] void* kmap(mm::Phys page);
// One of those that asked has done. False: nobody had.
bool kunmap(mm::Phys page);

}  // namespace kernel::narrow
