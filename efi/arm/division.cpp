// What GCC's library asks for where its division is by zero, which no input may cause; and for
// tables to unwind by, which there are none of.
extern "C" {
// NOLINTBEGIN(readability-identifier-naming): the library's
void __aeabi_idiv0() { __builtin_trap(); }
void __aeabi_ldiv0() { __builtin_trap(); }
void __aeabi_unwind_cpp_pr0() {}
// NOLINTEND(readability-identifier-naming)
}
