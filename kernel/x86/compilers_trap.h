// The instruction in which the compiler's checks end (kernel/undefined.h).
#pragma once

#include <cstdint>

namespace kernel::x86 {

// Whether what is undefined at `at` is ud2, which the compiler puts there, or something else that the CPU
// does not know. Byte by byte: those behind another instruction may lie in a page that is not there.
[[nodiscard]] inline bool is_compilers_trap(const uint8_t* at) {
  return at[0] == 0x0f && at[1] == 0x0b;
}

}  // namespace kernel::x86
