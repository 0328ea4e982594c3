// The page tables in use, read as the CPU reads them (Intel SDM vol. 3A, chapter 4).
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/machine.h"
#include "mm/direct_map.h"

namespace kernel::x86 {

// Through which map tables are read: identity until told otherwise.
void set_table_map(const mm::DirectMap& map);
// What `virt` leads to in the tables whose root (CR3's value) this is.
std::optional<machine::Mapping> translate(uint64_t root, uint64_t virt);

}  // namespace kernel::x86
