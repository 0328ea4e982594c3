// Ways out.
#include "kernel/monitor/commands.h"

#include <array>

#include "kernel/arch.h"
#include "kernel/firmware_variables.h"

namespace kernel {
namespace {

using mm::Printer;

void power_off(Booted&, std::string_view, const Printer&) { arch::power_off(arch::End::PowerOff); }

void reboot(Booted&, std::string_view, const Printer&) { arch::reboot(); }

void enter_setup(Booted& machine, std::string_view, const Printer& out) {
  // UEFI 2.10 section 8.5.4: EFI_GLOBAL_VARIABLE, EFI_OS_INDICATIONS_BOOT_TO_FW_UI.
  constexpr VariableName kSupported{u"OsIndicationsSupported", loader::kGlobalVariables,
                                    "OsIndicationsSupported"};
  constexpr VariableName kIndications{u"OsIndications", loader::kGlobalVariables, "OsIndications"};
  constexpr uint8_t kBootToSetup = 1;
  const loader::Handoff& handoff = machine.kept.handoff();
  std::array<uint8_t, 8> bits{};
  const auto supported = arch::get_variable(handoff, kSupported, bits);
  if (!supported.ok()) return out.error("firmware", supported.error());
  if (!supported.value() || (bits[0] & kBootToSetup) == 0) {
    return out.line("firmware: this firmware does not let itself be asked for its setup");
  }
  bits = {};
  if (const auto now = arch::get_variable(handoff, kIndications, bits); !now.ok()) {
    return out.error("firmware", now.error());
  }
  bits[0] |= kBootToSetup;
  if (const auto set = arch::set_variable(handoff, kIndications, bits); !set.ok()) {
    return out.error("firmware", set.error());
  }
  out.line("rebooting into the firmware's setup");
  arch::reboot();
}

constexpr std::array kCommands{
    Command{"poweroff", "", "switch the machine off", power_off},
    Command{"reboot", "", "start it anew", reboot},
    Command{"firmware", "", "reboot into the firmware's setup", enter_setup},
};

}  // namespace

std::span<const Command> ending_commands() { return kCommands; }

}  // namespace kernel
