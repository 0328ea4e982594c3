// The kernel's story begins here.
#pragma once

#include "loader/handoff/handoff.h"

namespace kernel {

// `handoff` has been checked and is readable until its reservation is given back.
[[noreturn]] void kernel_main(const loader::Handoff& handoff);

}  // namespace kernel
