// What GCC's library asks for where its division is by zero; and for tables to unwind by, which there
// are none of.
#include "kernel/panic.h"

extern "C" {
// NOLINTBEGIN(readability-identifier-naming): the library's
void __aeabi_idiv0() { kernel::panic("division by zero"); }
void __aeabi_ldiv0() { kernel::panic("division by zero"); }
void __aeabi_unwind_cpp_pr0() {}
// NOLINTEND(readability-identifier-naming)
}
