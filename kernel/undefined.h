// Undefined behaviour, where the build stops at it (SANITIZE=1): the compiler's checks end in an
// instruction that traps and says no more, so that its address is all there is to tell.
#pragma once

#include "kernel/backtrace.h"

namespace kernel {

#ifdef BATON_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// Of such an instruction at `at`, and no other that the CPU does not know. tools/run finds file and line by
// it.
inline void print_undefined(const mm::Printer& out, uint64_t at) {
  out.part("UBSan: undefined behaviour in ");
  print_code_address(out, at, Code::Stopped);
  out.text("\n");
}

}  // namespace kernel
