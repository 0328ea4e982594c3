// Who called whom, by frame pointers; reads only the kernel's own stacks, so it cannot fault.
#pragma once

#include <cstdint>

#include "mm/print.h"

namespace kernel::x86 {

// Where the CPU stopped, or where a call returns to.
enum class Code : uint8_t { Stopped, Return };
// `name+0x12/0x80 [ffffffff80201234]` (offset and size of the function), without end of line.
void print_code_address(const mm::Printer& out, uint64_t address, Code what);
// `rip`, then the callers that the chain of frames at `rbp` names. Ends where the chain leaves the
// stacks, does not ascend, or returns to something that is not kernel text.
void print_backtrace_from(const mm::Printer& out, uint64_t rip, uint64_t rbp);

}  // namespace kernel::x86
