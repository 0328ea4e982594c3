// The end of a boot: the firmware's ResetSystem, then PSCI, then ACPI's reset register.
#include "bsa_registers.h"
#include "kernel/arch.h"
#include "kernel/bsa/psci.h"
#include "kernel/bsa/qemu.h"
#include "kernel/console.h"
#include "kernel/runtime_call.h"
#include "loader/acpi/fadt.h"

namespace kernel::arch {
namespace {

constinit RuntimeServices firmware{};
constinit uint64_t direct_map = 0;
constinit loader::AcpiFacts acpi;

// UEFI 2.10 sections 4.5 and 8.5.1.
constexpr unsigned kResetSystem = 10;
enum ResetType : uint32_t { kResetCold = 0, kResetShutdown = 2 };

// Returns only when the firmware did not do it.
void reset_system(ResetType type) {
  if (firmware.root == 0 || firmware.system_table == 0) return;
  if (!firmware.check(reinterpret_cast<const void*>(&reset_system)).ok()) {
    log().line("efi: the runtime page tables lack the kernel or the system table: not used");
    return;
  }
  (void)firmware.call<uintptr_t>(kResetSystem, type, uintptr_t{0}, uintptr_t{0},
                                 static_cast<void*>(nullptr));
}

bool write_reset_register() {
  if (acpi.reset.address == 0 || acpi.reset.space != loader::GenericAddress::kMemory) return false;
  const auto virt = static_cast<uintptr_t>(direct_map + acpi.reset.address);
  const auto mapping = find_mapping(virt);
  if (!mapping || !mapping->writable) return false;
  log().line("reboot: Restarting by ACPI's reset register");
  *reinterpret_cast<volatile uint8_t*>(virt) = acpi.reset_value;
  return true;
}

void wait_a_second() {
  const uint64_t start = microseconds();
  while (microseconds() - start < 1'000'000) relax();
}

}  // namespace

void prepare_end(const loader::Handoff& handoff, const loader::AcpiFacts& facts) {
  firmware = {handoff.runtime_root, handoff.firmware.system_table};
  direct_map = handoff.direct_map;
  acpi = facts;
  bsa::use_psci(facts.psci);
  bsa::look_for_qemu(handoff);
}

void power_off(End end) {
  console().flush();
  drain_console();
  if (end != End::PowerOff) bsa::qemu_exit(static_cast<uint8_t>(end));
  reset_system(kResetShutdown);
  log().line("reboot: Power down by PSCI");
  bsa::system_off();
  log().line("Neither the firmware nor PSCI switched the machine off; it may be switched off now");
  console().flush();
  bsa::halt();
}

void reboot() {
  console().flush();
  drain_console();
  reset_system(kResetCold);
  log().line("reboot: Restarting by PSCI");
  bsa::system_reset();
  if (write_reset_register()) wait_a_second();
  log().line("Neither the firmware, PSCI nor ACPI reset the machine");
  console().flush();
  bsa::halt();
}

void stop_after_panic() {
  drain_console();
  bsa::qemu_exit(static_cast<uint8_t>(End::Failed));
  bsa::halt();
}

}  // namespace kernel::arch
