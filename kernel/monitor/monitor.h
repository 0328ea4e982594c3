// The monitor: a prompt on the console, from which a person looks at the machine.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

struct Command {
  std::string_view name;
  const char* arguments;  // as help shows them; "" for none, and then none is accepted
  const char* help;
  void (*run)(Booted& machine, std::string_view argument, const mm::Printer& out);
};
[[nodiscard]] std::span<const Command> monitor_commands();

// Runs one line; says what is wrong with it, where something is.
void run_command(Booted& machine, std::string_view line, const mm::Printer& out);

// Memory as a picture, on the open screen, with `line` said on it. False, and nothing is drawn,
// when that is too small.
bool draw_map(const Booted& machine, std::string_view line);

// Never comes back: `poweroff` and `reboot` are commands.
[[noreturn]] void run_monitor(Booted& machine);

}  // namespace kernel
