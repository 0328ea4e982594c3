// For a machine on which nobody can type, since its keyboards hung on the firmware's drivers: what
// a person would have asked for, page after page by itself. On the screen only; a serial console
// stays as it is, for whoever may sit there.
#pragma once

#include "kernel/arch.h"
#include "kernel/booted.h"

namespace kernel {

inline constexpr uint64_t kPageSeconds = 10;

// Turns pages on the open screen, from the beginning again after the last, until somebody types
// after all: that character, with the screen empty.
arch::Typed run_tour(Booted& machine);

}  // namespace kernel
