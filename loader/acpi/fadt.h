// The FADT and what its DSDT says about power: how to switch the machine off or reset it without
// the firmware's help (ACPI 6.5 sections 5.2.9, 4.8.3.6 and 16.1.7).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "loader/acpi/tables.h"

namespace loader {

// SLP_TYP values of the sleeping state S5 (soft off).
struct SleepType {
  uint8_t a = 0, b = 0;  // for PM1a_CNT and PM1b_CNT
};

// How the firmware behind PSCI is called (ACPI 6.5 table 5.11).
enum class Psci : uint8_t { None, Smc, Hvc };

// Which of it is known. Registers with address 0 are not there.
struct AcpiFacts {
  GenericAddress reset;  // write `reset_value` there
  uint8_t reset_value = 0;
  GenericAddress pm1a_control, pm1b_control;
  GenericAddress
      sleep_control;  // instead of those, where the hardware is reduced (section 4.8.3.7)
  std::optional<SleepType> s5;
  uint32_t smi_command = 0;  // port; ACPI mode is entered by writing acpi_enable there; 0: it is on
  uint8_t acpi_enable = 0;
  Psci psci = Psci::None;  // on Arm
  uint32_t pm_timer = 0;   // port of the 3.579545 MHz timer; 0: none
};

// Reads a FADT of any revision (bytes with header); fails when it is too short for ACPI 1.0's part.
mm::Result<AcpiFacts> parse_fadt(std::span<const uint8_t> fadt);

// Finds the package `Name (_S5_, Package () {a, b, ...})` in a DSDT's byte code, without
// interpreting the rest; nothing where it is not spelled with constants.
[[nodiscard]] std::optional<SleepType> find_s5(std::span<const uint8_t> dsdt);

}  // namespace loader
