// Whether all of memory is accounted for.
#include "kernel/monitor/commands.h"

#include <array>

#include "mm/audit.h"

namespace kernel {
namespace {

using mm::Printer;

void ledger(Booted& machine, std::string_view, const Printer& out) {
  const mm::Result<> closed = close_ledger(machine, out);
  if (!closed.ok()) out.error("ledger", closed.error());
}

void audit(Booted& machine, std::string_view, const Printer& out) {
  const mm::Result<> sound = mm::audit(machine.relay.pages());
  if (sound.ok()) {
    out.line("every structure agrees with every other");
  } else {
    out.error("audit", sound.error());
  }
}

constexpr std::array kCommands{
    Command{"ledger", "", "who has how many bytes", ledger},
    Command{"audit", "", "check the allocator's structures against each other", audit},
};

}  // namespace

std::span<const Command> account_commands() { return kCommands; }

}  // namespace kernel
