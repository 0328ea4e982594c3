#include "kernel/keys.h"

#include "kernel/screen/screen.h"
#include "kernel/screen/screen_console.h"
#include "kernel/usb/usb.h"

namespace kernel {

bool open_ps2_keyboard() {
  static constinit bool looked = false, answers = false;
  if (!looked) answers = arch::open_keyboard();
  looked = true;
  return answers;
}

bool wants_usb(const Booted& machine) {
  return screen().is_open() && !machine.options.has("nousb");
}

void open_keyboards(Booted& machine) {
  (void)open_ps2_keyboard();
  if (wants_usb(machine)) open_usb(machine);
}

std::optional<arch::Typed> read_key() {
  if (const auto typed = arch::read_char()) return typed;
  if (const auto c = read_usb()) return arch::Typed{*c, true};
  return std::nullopt;
}

}  // namespace kernel
