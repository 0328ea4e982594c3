#include "kernel/monitor/monitor.h"

#include <array>
#include <optional>

#include "kernel/arch.h"
#include "kernel/bad_pages.h"
#include "kernel/console.h"
#include "kernel/keys.h"
#include "kernel/leave_report.h"
#include "kernel/monitor/commands.h"
#include "kernel/monitor/line_editor.h"
#include "kernel/monitor/pager.h"
#include "kernel/monitor/tour.h"
#include "kernel/nearest.h"
#include "kernel/screen/screen.h"
#include "kernel/screen/screen_console.h"
#include "kernel/usb/usb.h"

namespace kernel {
namespace {

using mm::Printer;

constexpr std::string_view kPrompt = "baton> ";

// `editor`: whose line is to stay in sight, if any.
arch::Typed next_key(LineEditor* editor) {
  for (;;) {
    if (const auto typed = read_key()) return *typed;
    const bool usb_spoke = told_of_usb();
    if ((arch::told_of_loss() || usb_spoke) && editor != nullptr) editor->redraw(bare());
    console().flush();
    arch::doze();
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
  for_each_command([&](const Command& command) {
    char name[40];
    (void)mm::format(name, "{} {}", command.name, command.arguments);
    out.line("{:20} {}", name, command.help);
  });
}

constexpr std::array kHelp{Command{"help", "", "this list", help}};

std::span<const Command> help_command() { return kHelp; }

// In help's order.
constexpr std::array<CommandRows, 13> kSubjects{
    help_command,        memory_text_commands, explain_command, map_command,
    account_commands,    table_commands,       tpm_command,     page_table_commands,
    held_block_commands, measure_commands,     run_commands,    qr_command,
    ending_commands,
};

// Commands are completed, their arguments not.
void complete(void*, std::string_view before, LineEditor::Offer offer, void* sink) {
  if (before.find(' ') != std::string_view::npos) return;
  for_each_command([&](const Command& command) { offer(sink, command.name); });
}

void run(const Command& command, Booted& machine, std::string_view argument, const Printer& out) {
  const bool wants = *command.arguments != '\0', needs = wants && *command.arguments != '[';
  if (needs && argument.empty()) {
    out.line("{} needs {}: {}", command.name, command.arguments, command.help);
  } else if (!wants && !argument.empty()) {
    out.line("{} takes no argument", command.name);
  } else {
    command.run(machine, argument, out);
  }
}

}  // namespace

std::span<const CommandRows> command_subjects() { return kSubjects; }

arch::Typed wait_for_key() { return next_key(nullptr); }

void run_command(Booted& machine, std::string_view line, const Printer& out) {
  line = strip(line);
  if (line.empty()) return;
  const std::string_view name = line.substr(0, line.find(' '));
  const std::string_view argument = strip(line.substr(name.size()));
  const Command* found = nullptr;
  for_each_command([&](const Command& command) {
    if (command.name == name) found = &command;
  });
  if (found != nullptr) return run(*found, machine, argument, out);
  Nearest nearest(name);
  for_each_command([&](const Command& command) { nearest.offer(command.name); });
  out.part("{}: no such command", name);
  nearest.print(out);
  out.line("{}`help` lists them", nearest.word().empty() ? "; " : " ");
}

namespace {

// As somebody asked for who could type while the firmware was there, and perhaps not any more.
void show_first(Booted& machine, const Option& option) {
  if (option.value == "summary") return bare().text(summary_of_log());
  if (option.value == "map") return run_command(machine, "map", bare());
  refuse(option, {"is neither summary nor map", "show"}, bare());
}

}  // namespace

void run_monitor(Booted& machine) {
  static constinit LineEditor editor;
  // Who sits at the screen must not wait for a keyboard that is dead. Where one answers already, USB
  // can wait for the prompt.
  const bool has_ps2 = open_ps2_keyboard();
  const auto show = machine.options.find("show");
  if ((!has_ps2 || show) && wants_usb(machine)) open_usb(machine);
  bool nobody_types = screen().is_open() && !has_ps2 && usb_keyboards() == 0;
  if (nobody_types) {
    bare().line(
        "No keyboard works now that the firmware is gone (no PS/2, none at an xHCI controller): "
        "the "
        "screen turns its pages by itself");
  }
  (void)told_of_usb();
  if (show && !nobody_types) show_first(machine, *show);  // else the pages show all
  editor.set_completion(complete, nullptr);
  editor.begin(kPrompt, bare());
  console().flush();
  machine.prompted = arch::cycles();
  machine.spent = spent;
  if (wants_usb(machine)) open_usb(machine);
  for (;;) {
    const arch::Typed typed = nobody_types ? run_tour(machine) : next_key(&editor);
    if (nobody_types) screen().write(kPrompt);
    nobody_types = false;
    const LineEditor::Event event = editor.take(typed.c, bare());
    if (event == LineEditor::Event::None) continue;
    if (event == LineEditor::Event::Line) {
      // At the keyboard a person reads the screen; on a serial line a terminal, or a program, has
      // what scrolled away.
      console().flush();
      const size_t rows = typed.at_keyboard ? screen().rows() : 0;
      Pager pager(bare(), rows, screen().columns(), ask_for_more, nullptr);
      leave_bad_pages(machine, bare());  // what came while nobody typed: the command may be the end
      run_command(machine, editor.line(), pager.printer());
      leave_bad_pages(machine, bare());
    }
    editor.begin(kPrompt, bare());
  }
}

}  // namespace kernel
