// Breaking on purpose, to see how a broken kernel is told: the option `panic`.
#pragma once

#include <string_view>

#include "kernel/booted.h"

namespace kernel {

// "": panic(). "fault": reads where nothing is mapped. "stack": calls itself until the stack ends.
// "ud": an undefined instruction. "ub": a sum that its type cannot hold, which a build with SANITIZE=1
// stops at. "smash": a function that writes beyond its array. Behind it, `@2`: on CPU 2; `@all`: on all
// CPUs at once. "free": writes to a page that it has freed, and takes the page again, which page_poison
// tells of; returns. Anything else is said to be none of these.
void crash(Booted& machine, std::string_view how);

}  // namespace kernel
