// What if, as the command line asks it.
#pragma once

#include <string>

#include "tools/replay/machine.h"
#include "tools/replay/program/arguments.h"
#include "tools/replay/replayed.h"

namespace replay {

// How the machine is to be replayed; what it is to have more is put into it. What is asked wrongly
// is an exception.
[[nodiscard]] ReplayOptions as_asked(const Arguments& arguments, Machine& machine);

// The answers to what was asked besides; empty: nothing was.
[[nodiscard]] std::string answers(const Replayed& replayed, const Arguments& arguments);

}  // namespace replay
