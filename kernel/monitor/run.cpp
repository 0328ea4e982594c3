// This run: its log, its options, its verdict, its report.
#include "kernel/monitor/commands.h"

#include <array>

#include "kernel/console.h"
#include "kernel/leave_report.h"
#include "kernel/selftest/selftest.h"

namespace kernel {
namespace {

using mm::Printer;

void dmesg(Booted&, std::string_view, const Printer&) { console().show_again(); }

void options(Booted& machine, std::string_view, const Printer& out) {
  const std::string_view text = machine.options.text();
  out.line("now: {}", text);
  for (const OptionRow& row : known_options()) out.line("  {}", row.help);
}

void selftest(Booted& machine, std::string_view argument, const Printer& out) {
  (void)run_selftests(machine, argument, out);
}

void report_run(Booted& machine, std::string_view, const Printer& out) {
  out.text(summary_of_log());
  leave_report(machine, out);
}

constexpr std::array kCommands{
    Command{"dmesg", "", "the log once more", dmesg},
    Command{"options", "", "the kernel's options", options},
    Command{"selftest", "[PATTERN]", "run the checks: all, or those named; list names them",
            selftest},
    Command{"report", "", "sum up this run, and leave that for the next start", report_run},
};

}  // namespace

std::span<const Command> run_commands() { return kCommands; }

}  // namespace kernel
