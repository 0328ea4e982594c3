#include "kernel/monitor/monitor.h"

#include <array>
#include <optional>

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/iomem.h"
#include "kernel/monitor/explain.h"
#include "kernel/monitor/line_editor.h"
#include "kernel/monitor/monitor_machine.h"
#include "kernel/monitor/pager.h"
#include "kernel/monitor/tour.h"
#include "kernel/nearest.h"
#include "kernel/screen/picture.h"
#include "kernel/screen/screen.h"
#include "kernel/screen/screen_console.h"
#include "kernel/selftest/selftest.h"
#include "mm/audit.h"
#include "mm/picture/text_picture.h"
#include "mm/show.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

using mm::Printer;

constexpr std::string_view kPrompt = "baton> ";

// `editor`: whose line is to stay in sight, if any.
arch::Typed wait_for_key(LineEditor* editor = nullptr) {
  for (;;) {
    if (const auto typed = arch::read_char()) return *typed;
    if (arch::told_of_loss() && editor != nullptr) editor->redraw(bare());
    arch::pause();
  }
}

Pager::Answer ask_for_more(void*) {
  constexpr std::string_view kQuestion = "-- more: space, Enter, r (the rest), q --";
  bare().text(kQuestion);
  auto answer = Pager::Answer::Page;
  switch (wait_for_key().c) {
    case 'q':
    case 3:
      answer = Pager::Answer::Quit;
      break;
    case 'r':
      answer = Pager::Answer::Rest;
      break;
    case '\r':
    case '\n':
      answer = Pager::Answer::Line;
      break;
    default:
      break;
  }
  bare().text("\r");
  for (size_t i = 0; i < kQuestion.size(); ++i) bare().text(" ");
  bare().text("\r");
  return answer;
}

std::string_view strip(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

void help(Booted&, std::string_view, const Printer& out) {
  for (const Command& command : monitor_commands()) {
    char name[40];
    (void)mm::format(name, "{} {}", command.name, command.arguments);
    out.line("{:20} {}", name, command.help);
  }
}

void e820(Booted& machine, std::string_view, const Printer& out) {
  machine.relay.e820().print(out, "BIOS-e820");
}

void efi_map(Booted& machine, std::string_view, const Printer& out) {
  for (size_t i = 0; i < machine.firmware_map.size(); ++i) {
    const FirmwareRange d = machine.firmware_map[i];
    const char* name = efi_memory_type_name(d.type);
    out.line("mem{:02}: [{:12}|{:#x}] range=[0x{:016x}-0x{:016x}]", i,
             name != nullptr ? name : "unknown type", d.attributes, d.range.start,
             d.range.end.v - 1);
  }
}

void reservations(Booted& machine, std::string_view, const Printer& out) {
  for (const mm::Reservation& r : machine.relay.reservations().entries()) {
    out.line("{} {}", mem(r.range), r.name);
  }
}

void buddyinfo(Booted& machine, std::string_view, const Printer& out) {
  mm::show_buddyinfo(machine.relay.pages(), out);
}
void zoneinfo(Booted& machine, std::string_view, const Printer& out) {
  mm::show_zoneinfo(machine.relay.pages(), out);
}
void meminfo(Booted& machine, std::string_view, const Printer& out) {
  mm::show_meminfo(machine.relay.pages(), out);
}
void pagetypeinfo(Booted& machine, std::string_view, const Printer& out) {
  mm::show_pagetypeinfo(machine.relay.pages(), out);
}
void iomem(Booted& machine, std::string_view, const Printer& out) {
  print_iomem(machine.relay.e820(), machine.kept.segments(), out);
}

void explain_address(Booted& machine, std::string_view argument, const Printer& out) {
  const auto address = mm::number_of(argument, 16);
  if (!address) {
    out.line("explain: \"{}\" is no address; write it in hexadecimal, as explain 0x100000",
             argument);
    return;
  }
  explain(machine, mm::Phys{*address}, out);
}

constexpr std::string_view kAnyKey = "any key leaves the picture";
constexpr unsigned kTextColumns = 64;

// Whether what is drawn is to be text: asked for, or there is nothing else to draw on.
bool as_text(const char* command, std::string_view argument, const Printer& out) {
  if (argument == "text") return true;
  if (!screen().is_open()) out.line("{}: this machine has no screen, so as text", command);
  return !screen().is_open();
}

void map(Booted& machine, std::string_view argument, const Printer& out) {
  if (as_text("map", argument, out)) return print_text_picture(machine.relay, kTextColumns, out);
  screen().hide();
  if (draw_map(machine, kAnyKey)) {
    out.line("the picture is on the screen, `map text` prints one; any key leaves it");
    (void)wait_for_key();
  } else {
    out.line("map: the screen is too small for a picture, so as text");
    print_text_picture(machine.relay, kTextColumns, out);
  }
  screen().show();
}

void qr(Booted&, std::string_view argument, const Printer& out) {
  if (as_text("qr", argument, out)) return print_qr_code(out);
  screen().hide();
  if (draw_qr_code(kAnyKey, out)) {
    out.line(
        "the summary of this run is on the screen as a QR code, `qr text` prints one; any key "
        "leaves it");
    (void)wait_for_key();
  }
  screen().show();
}

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

void acpi(Booted& machine, std::string_view, const Printer& out) {
  machine.tables.tables().print(out);
}

void dmesg(Booted&, std::string_view, const Printer&) { console().show_again(); }

void options(Booted& machine, std::string_view, const Printer& out) {
  const std::string_view text = machine.options.text();
  out.line("now: {}", text);
  for (const OptionRow& row : known_options()) out.line("  {}", row.help);
}

void selftest(Booted& machine, std::string_view argument, const Printer& out) {
  (void)run_selftests(machine, argument, out);
}

void power_off(Booted&, std::string_view, const Printer&) { arch::power_off(arch::End::PowerOff); }
void reboot(Booted&, std::string_view, const Printer&) { arch::reboot(); }

constexpr std::array kCommands{
    Command{"help", "", "this list", help},
    Command{"e820", "", "the memory map", e820},
    Command{"efimap", "", "the firmware's own memory map", efi_map},
    Command{"reservations", "", "what is reserved, by name", reservations},
    Command{"buddyinfo", "", "free blocks by order, as /proc/buddyinfo", buddyinfo},
    Command{"zoneinfo", "", "zones, as /proc/zoneinfo", zoneinfo},
    Command{"meminfo", "", "totals, as /proc/meminfo", meminfo},
    Command{"pagetypeinfo", "", "pageblocks by type, as /proc/pagetypeinfo", pagetypeinfo},
    Command{"iomem", "", "the address space, as /proc/iomem", iomem},
    Command{"explain", "ADDR", "what a physical address is and who has it", explain_address},
    Command{"map", "[text]", "memory as a picture on the screen, or as text", map},
    Command{"ledger", "", "who has how many bytes", ledger},
    Command{"audit", "", "check the allocator's structures against each other", audit},
    Command{"acpi", "", "the ACPI tables", acpi},
    Command{"srat", "", "memory and CPUs by node, and distances", show_srat},
    Command{"cpus", "", "the CPUs", show_cpus},
    Command{"pt", "VADDR", "a virtual address through the page tables", walk_tables},
    Command{"alloc", "ORDER [NODE]", "take a block of 2^ORDER pages", take_block},
    Command{"hold", "[SIZE]", "take so much memory, or say how much is held", hold_memory},
    Command{"free", "ADDR|all", "give back what alloc and hold took", free_block},
    Command{"memtest", "[WORDS]", "test free memory: quick or full, passes, node:N", test_memory},
    Command{"bench", "", "what the start and allocations cost", measure},
    Command{"dmesg", "", "the log once more", dmesg},
    Command{"options", "", "the kernel's options", options},
    Command{"selftest", "[PATTERN]", "run the checks: all, or those named; list names them",
            selftest},
    Command{"report", "", "sum up this run, and leave that for the next start", report_run},
    Command{"qr", "[text]", "the same as a QR code on the screen, or as text", qr},
    Command{"poweroff", "", "switch the machine off", power_off},
    Command{"reboot", "", "start it anew", reboot},
    Command{"firmware", "", "reboot into the firmware's setup", enter_setup},
};

// Commands are completed, their arguments not.
void complete(void*, std::string_view before, LineEditor::Offer offer, void* sink) {
  if (before.find(' ') != std::string_view::npos) return;
  for (const Command& command : kCommands) offer(sink, command.name);
}

}  // namespace

std::span<const Command> monitor_commands() { return kCommands; }

bool draw_map(const Booted& machine, std::string_view line) {
  static constinit Picture picture;
  return picture.draw(
      screen().framebuffer(),
      {machine.relay, machine.relay.pages(), machine.kept.handoff().firmware_vendor},
      {.tested = {}, .now = {}, .bad = {}, .line = line});
}

void run_command(Booted& machine, std::string_view line, const Printer& out) {
  line = strip(line);
  if (line.empty()) return;
  const std::string_view name = line.substr(0, line.find(' '));
  const std::string_view argument = strip(line.substr(name.size()));
  for (const Command& command : monitor_commands()) {
    if (command.name != name) continue;
    const bool wants = *command.arguments != '\0', needs = wants && *command.arguments != '[';
    if (needs && argument.empty()) {
      out.line("{} needs {}: {}", name, command.arguments, command.help);
    } else if (!wants && !argument.empty()) {
      out.line("{} takes no argument", name);
    } else {
      command.run(machine, argument, out);
    }
    return;
  }
  Nearest nearest(name);
  for (const Command& command : monitor_commands()) nearest.offer(command.name);
  out.part("{}: no such command", name);
  nearest.print(out);
  out.line("{}`help` lists them", nearest.word().empty() ? "; " : " ");
}

void run_monitor(Booted& machine) {
  static constinit LineEditor editor;
  // Who sits at the screen must not wait for a keyboard that is dead.
  bool nobody_types = !arch::open_keyboard() && screen().is_open();
  if (nobody_types) {
    bare().line(
        "No keyboard works now that the firmware is gone (Baton drives PS/2, not USB): the screen "
        "turns its pages by itself");
  }
  editor.set_completion(complete, nullptr);
  editor.begin(kPrompt, bare());
  machine.prompted = arch::cycles();
  for (;;) {
    const arch::Typed typed = nobody_types ? run_tour(machine) : wait_for_key(&editor);
    if (nobody_types) screen().write(kPrompt);
    nobody_types = false;
    const LineEditor::Event event = editor.take(typed.c, bare());
    if (event == LineEditor::Event::None) continue;
    if (event == LineEditor::Event::Line) {
      // At the keyboard a person reads the screen; on a serial line a terminal, or a program, has
      // what scrolled away.
      const size_t rows = typed.at_keyboard ? screen().rows() : 0;
      Pager pager(bare(), rows, screen().columns(), ask_for_more, nullptr);
      run_command(machine, editor.line(), pager.printer());
    }
    editor.begin(kPrompt, bare());
  }
}

}  // namespace kernel
