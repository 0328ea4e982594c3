// Where lowmem ends, which depends on where RAM begins.
#pragma once

#include <cstdint>

namespace kernel::arch {
[[nodiscard]] uint64_t end_of_low();
}  // namespace kernel::arch
