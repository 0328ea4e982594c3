// Of kernel/backtrace.h: a function's frame, to whose last word the frame pointer leads (-mapcs-frame; the
// ARM Procedure Call Standard of 1998).
#pragma once

#include <cstdint>

namespace kernel {

struct Frame {
  uintptr_t caller;
  uintptr_t stack;
  uintptr_t return_address;
  uintptr_t code;
};
// Where a frame begins to whose pointer this is added.
inline constexpr uintptr_t kFrameOffset = sizeof(uintptr_t) - sizeof(Frame);

}  // namespace kernel
