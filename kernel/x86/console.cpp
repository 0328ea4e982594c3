// The console on serial ports, and the keyboard.
#include "kernel/console.h"

#include "kernel/arch.h"
#include "kernel/spent.h"
#include "kernel/x86/keyboard.h"
#include "kernel/x86/serial.h"
#include "loader/acpi/spcr.h"

namespace kernel::arch {
namespace {

constinit x86::Serial com1({loader::kCom1});
constinit x86::Serial named;  // by SPCR
constinit x86::Keyboard keyboard;

}  // namespace

namespace {

void say(x86::Serial& port, std::string_view text) {
  const Spending spending(spent.serial);
  port.write(text);
}

void open_com1() {
  if (!com1.open(115200)) return;
  console().add_line([](std::string_view text) { say(com1, text); });
}

}  // namespace

void open_console() { open_com1(); }

mm::Result<> add_console(const loader::SpcrPort& spcr) {
  if (com1.is_open() && loader::kCom1 == spcr.port) return {};
  if (spcr.port == 0) {
    return mm::Error{"the console is not at an I/O port (address {:#x})", "SPCR", spcr.pl011};
  }
  named = x86::Serial({spcr.port});
  if (!named.open(spcr.baud))
    return mm::Error{"nothing answers at this port (port {:#x})", "SPCR", spcr.port, 0};
  if (!console().add_line([](std::string_view text) { say(named, text); })) {
    return mm::Error{"the console has too many outputs", "SPCR"};
  }
  return {};
}

void prepare_last_words() {
  if (!com1.is_open()) open_com1();
  com1.refresh();
  named.refresh();
}

void say_on_first_port(std::string_view text) { com1.write(text); }

void drain_console() {
  com1.drain();
  named.drain();
}

bool open_keyboard() { return keyboard.open(); }

std::optional<Typed> read_char() {
  if (const auto c = com1.read()) return Typed{*c, false};
  if (const auto c = named.read()) return Typed{*c, false};
  if (const auto c = keyboard.read()) return Typed{*c, true};
  return std::nullopt;
}

bool told_of_loss() {
  const bool first = com1.take_told();
  return named.take_told() || first;
}

}  // namespace kernel::arch
