// Who called whom, by frame pointers; reads only the kernel's own stacks, so it cannot fault. A frame
// pointer leads to the caller's, and to the address to return to behind that: so do x86-64's (rbp)
// and AArch64's (x29). An architecture whose frames are others says so in its frame_inline.h.
#pragma once

#include <cstdint>
#include <optional>

#include "mm/print.h"

#if __has_include("frame_inline.h")
#include "frame_inline.h"
#else
namespace kernel {
struct Frame {
  uintptr_t caller;
  uintptr_t return_address;
};
// Where a frame begins to whose pointer this is added.
inline constexpr uintptr_t kFrameOffset = 0;
}  // namespace kernel
#endif

namespace kernel {

struct Stack {
  const char* name;
  uint64_t start, end;  // the page below `start` is not mapped
};
namespace arch {
// The stack that has the address.
[[nodiscard]] std::optional<Stack> stack_at(uint64_t address);
}  // namespace arch

// Where the CPU stopped, or where a call returns to.
enum class Code : uint8_t { Stopped, Return };
// `name+0x12/0x80 [ffffffff80201234]` (offset and size of the function), without end of line.
void print_code_address(const mm::Printer& out, uint64_t address, Code what);
// `at`, then the callers that the chain of frames at `pointer` names. Ends where the chain leaves the
// stacks, does not ascend, or returns to something that is not kernel text.
void print_backtrace_from(const mm::Printer& out, uint64_t at, uint64_t pointer);
// How far the image is from where it is linked to (KASLR), in Linux's words; nothing with 32 bits, where
// it is never moved.
void print_image_offset(const mm::Printer& out);

}  // namespace kernel
