// For what cannot be continued.
#pragma once

#include "mm/result.h"

namespace kernel {

// Prints the fact, the numbers and a backtrace with names; then the machine stops.
[[noreturn]] void panic(const char* format, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void panic(const char* where, const mm::Error& error);

}  // namespace kernel
