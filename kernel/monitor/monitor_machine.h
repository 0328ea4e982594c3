// Commands of the monitor that ask the machine, hold its memory, or outlive the run.
#pragma once

#include <string_view>

#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

// Each as kernel/monitor/monitor.h's Command::run.
void show_cpus(Booted& machine, std::string_view argument, const mm::Printer& out);
void show_srat(Booted& machine, std::string_view argument, const mm::Printer& out);
// A virtual address through the page tables.
void walk_tables(Booted& machine, std::string_view argument, const mm::Printer& out);
// Blocks taken by hand are remembered: `alloc` one, `hold` as many as a size needs, `free` one or
// all.
void take_block(Booted& machine, std::string_view argument, const mm::Printer& out);
void hold_memory(Booted& machine, std::string_view argument, const mm::Printer& out);
void free_block(Booted& machine, std::string_view argument, const mm::Printer& out);
void test_memory(Booted& machine, std::string_view argument, const mm::Printer& out);
void measure(Booted& machine, std::string_view argument, const mm::Printer& out);
// The summary of the log: shown, and left with the firmware for the next start; as a QR code.
void report_run(Booted& machine, std::string_view argument, const mm::Printer& out);
// Reboots into the firmware's setup.
void enter_setup(Booted& machine, std::string_view argument, const mm::Printer& out);

// The summary as a QR code: drawn, with `line` said on the screen (whether there was one for it),
// or printed.
bool draw_qr_code(std::string_view line, const mm::Printer& out);
void print_qr_code(const mm::Printer& out);

}  // namespace kernel
