// The monitor: a prompt on the console, from which a person looks at the machine.
#pragma once

#include <string_view>

#include "kernel/arch.h"
#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

// The next key on any console.
arch::Typed wait_for_key();

// Runs one line; says what is wrong with it, where something is.
void run_command(Booted& machine, std::string_view line, const mm::Printer& out);

// Never comes back: `poweroff` and `reboot` are commands.
[[noreturn]] void run_monitor(Booted& machine);

}  // namespace kernel
