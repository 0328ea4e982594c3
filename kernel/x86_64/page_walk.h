// The page tables in use, read as the CPU reads them (Intel SDM vol. 3A, chapter 4).
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/arch.h"
#include "mm/direct_map.h"
#include "mm/window.h"

namespace kernel::x86 {

// Through which map tables are read: identity until told otherwise.
void set_table_map(const mm::DirectMap& map);
[[nodiscard]] const mm::DirectMap& table_map();
// The entry of the page that has this canonical address, in the tables in use; null when it is not
// mapped. `shift` is the logarithm of the page's size.
struct Leaf {
  uint64_t* entry = nullptr;
  unsigned shift = 0;
};
Leaf find_leaf(uint64_t virt, const mm::DirectMap& tables);
// Maps a page for reading and writing where none is mapped; tables that are missing on the way are
// frames from `frames`, and stay. False when there is none.
bool map_page(uint64_t virt, mm::Phys page, mm::NodeId node, const arch::Frames& frames);
// The same of a range, by pages of 2 MiB where they fit; tables are zeroed here.
bool map_range(uint64_t virt, mm::Range pages, const mm::Window::Tables& tables);
// Takes it away again; every CPU that may have used it has to forget it. What it led to.
mm::Phys unmap_page(uint64_t virt);
// What `virt` leads to in the tables whose root (CR3's value) this is.
std::optional<arch::Mapping> translate(uint64_t root, uint64_t virt);

}  // namespace kernel::x86
