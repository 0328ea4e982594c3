// The end of a boot: the firmware's ResetSystem, then ACPI's registers, then what old PCs had.
#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/runtime_call.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/ports.h"
#include "kernel/x86/qemu.h"
#include "loader/acpi/fadt.h"

namespace kernel::arch {
namespace {

constinit RuntimeServices firmware{};
constinit uint64_t direct_map = 0;
constinit loader::AcpiFacts acpi;

// UEFI 2.10 sections 4.5 and 8.5.1.
constexpr unsigned kResetSystem = 10;
enum ResetType : uint32_t { kResetCold = 0, kResetShutdown = 2 };

// PM1 control register, ACPI 6.5 table 4.13.
constexpr uint16_t kSleepEnable = 1u << 13, kSciEnable = 1;
constexpr unsigned kSleepTypeShift = 10;
// Sleep control register, table 4.19.
constexpr unsigned kReducedTypeShift = 2, kReducedEnable = 1u << 5;

constexpr uint64_t kWaitMicroseconds = 1'000'000;

void wait() {
  const uint64_t start = microseconds();
  // The second bound is for a clock that never started.
  for (unsigned i = 0; i < 100'000'000 && microseconds() - start < kWaitMicroseconds; ++i) relax();
}

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

bool write_register(const loader::GenericAddress& reg, uint16_t value, unsigned bytes) {
  if (reg.address == 0) return false;
  if (reg.space == loader::GenericAddress::kIo && reg.address <= 0xffff) {
    const auto port = static_cast<uint16_t>(reg.address);
    bytes == 1 ? x86::out8(port, static_cast<uint8_t>(value)) : x86::out16(port, value);
    return true;
  }
  if (reg.space == loader::GenericAddress::kMemory) {
    const auto virt = static_cast<uintptr_t>(direct_map + reg.address);
    const auto mapping = find_mapping(virt);
    if (!mapping || !mapping->writable) return false;
    if (bytes == 1) {
      *reinterpret_cast<volatile uint8_t*>(virt) = static_cast<uint8_t>(value);
    } else {
      *reinterpret_cast<volatile uint16_t*>(virt) = value;
    }
    return true;
  }
  return false;
}

uint16_t read_register(const loader::GenericAddress& reg) {
  if (reg.space == loader::GenericAddress::kIo && reg.address != 0 && reg.address <= 0xffff) {
    return x86::in16(static_cast<uint16_t>(reg.address));
  }
  return 0;
}

void enter_s5() {
  if (!acpi.s5) return;
  if (acpi.sleep_control.address != 0) {
    const unsigned value = acpi.s5->a << kReducedTypeShift | kReducedEnable;
    log().line("reboot: Power down by ACPI's sleep control register");
    write_register(acpi.sleep_control, static_cast<uint16_t>(value), 1);
    return wait();
  }
  if (acpi.pm1a_control.address == 0) return;
  log().line("reboot: Power down by ACPI's S5");
  const uint16_t control = read_register(acpi.pm1a_control);
  if ((control & kSciEnable) == 0 && acpi.smi_command != 0 && acpi.acpi_enable != 0) {
    x86::out8(static_cast<uint16_t>(acpi.smi_command), acpi.acpi_enable);
    wait();
  }
  const auto value = [](uint8_t type) {
    return static_cast<uint16_t>(type << kSleepTypeShift | kSleepEnable);
  };
  write_register(acpi.pm1a_control, value(acpi.s5->a), 2);
  write_register(acpi.pm1b_control, value(acpi.s5->b), 2);
  wait();
}

}  // namespace

void prepare_end(const loader::Handoff& handoff, const loader::AcpiFacts& facts) {
  firmware = {handoff.runtime_root, handoff.firmware.system_table};
  direct_map = handoff.direct_map;
  acpi = facts;
}

void power_off(End end) {
  console().flush();
  drain_console();
  if (end != End::PowerOff) x86::qemu_exit(static_cast<uint8_t>(end));
  reset_system(kResetShutdown);
  enter_s5();
  log().line("Neither the firmware nor ACPI switched the machine off; it may be switched off now");
  console().flush();
  x86::halt();
}

void reboot() {
  console().flush();
  drain_console();
  reset_system(kResetCold);
  if (acpi.reset.address != 0) {
    log().line("reboot: Restarting by ACPI's reset register");
    if (write_register(acpi.reset, acpi.reset_value, 1)) wait();
  }
  log().line("reboot: Restarting by the keyboard controller");
  x86::out8(0x64, 0xfe);  // the keyboard controller's reset line
  wait();
  log().line("Neither the firmware, ACPI nor the keyboard controller reset the machine");
  console().flush();
  x86::halt();
}

void stop_after_panic() {
  drain_console();
  x86::qemu_exit(static_cast<uint8_t>(End::Failed));
  x86::halt();
}

}  // namespace kernel::arch
