// Whether all of memory is accounted for.
#include "kernel/monitor/commands.h"

#include <array>

#include "kernel/hardware_errors.h"

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

void hardware(Booted&, std::string_view, const Printer& out) {
  collect_hardware_errors();
  const HardwareErrors& found = hardware_errors();
  out.line("{} corrected and {} uncorrected errors since the kernel began", found.corrected(),
           found.uncorrected());
  found.print("mce", out);
  const HardwareErrors& left = left_hardware_errors();
  if (left.empty()) return;
  out.line("{} corrected and {} uncorrected from before", left.corrected(), left.uncorrected());
  left.print("mce", out);
}

constexpr std::array kCommands{
    Command{"ledger", "", "who has how many bytes", ledger},
    Command{"audit", "", "check the allocator's structures against each other", audit},
    Command{"mce", "", "errors that the hardware tells of, by bank and address", hardware},
};

}  // namespace

std::span<const Command> account_commands() { return kCommands; }

}  // namespace kernel
