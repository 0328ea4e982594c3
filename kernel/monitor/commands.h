// What can be typed: a file for each subject, which has its commands and their rows.
#pragma once

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

using CommandRows = std::span<const Command> (*)();
// All there are, subject by subject, in help's order.
[[nodiscard]] std::span<const CommandRows> command_subjects();
template <class Visit>
void for_each_command(Visit visit) {
  for (const CommandRows subject : command_subjects()) {
    for (const Command& command : subject()) visit(command);
  }
}

std::span<const Command> memory_text_commands();
std::span<const Command> explain_command();
std::span<const Command> map_command();
std::span<const Command> account_commands();
std::span<const Command> table_commands();
std::span<const Command> tpm_command();
std::span<const Command> page_table_commands();
std::span<const Command> held_block_commands();
std::span<const Command> measure_commands();
std::span<const Command> run_commands();
std::span<const Command> qr_command();
std::span<const Command> ending_commands();

}  // namespace kernel
