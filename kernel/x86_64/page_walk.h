// The page tables in use, read as the CPU reads them (Intel SDM vol. 3A, chapter 4).
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/arch.h"
#include "mm/direct_map.h"

namespace kernel::x86 {

// Through which map tables are read: identity until told otherwise.
void set_table_map(const mm::DirectMap& map);
// The entry of the page that has this canonical address, in the tables in use; null when it is not
// mapped. `shift` is the logarithm of the page's size.
struct Leaf {
  uint64_t* entry = nullptr;
  unsigned shift = 0;
};
Leaf find_leaf(uint64_t virt, const mm::DirectMap& tables);
// What `virt` leads to in the tables whose root (CR3's value) this is.
std::optional<arch::Mapping> translate(uint64_t root, uint64_t virt);

}  // namespace kernel::x86
