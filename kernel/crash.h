// Breaking on purpose, to see how a broken kernel is told: the option `panic`.
#pragma once

#include <string_view>

namespace kernel {

// "": panic(). "fault": reads where nothing is mapped. "stack": calls itself until the stack ends.
// "ud": an undefined instruction. Behind it, `@2`: on CPU 2; `@all`: on all CPUs at once. Anything
// else is said to be none of these.
void crash(std::string_view how);

}  // namespace kernel
