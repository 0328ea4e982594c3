// The stack protector: the compiler puts a word between a function's arrays and where it returns to, and
// looks at it before it returns (-fstack-protector-strong). The word is one for all CPUs and stacks,
// another at each boot.
#pragma once

namespace kernel {

// To be called once, by a function that never returns: those that are left later would find another
// word than they put there. Until then it is the same at every boot.
void choose_stack_guard();

}  // namespace kernel
