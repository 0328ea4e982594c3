// Tables the firmware publishes (UEFI 2.10 section 4.6): ACPI, SMBIOS, the device tree. Only before exit.
#pragma once

#include <array>
#include <span>

#include "efi/firmware.h"
#include "efi/memory.h"
#include "loader/acpi/root.h"
#include "loader/arch.h"
#include "loader/fdt/fdt.h"
#include "loader/world.h"
#include "mm/e820.h"
#include "mm/print.h"
#include "mm/result.h"

namespace efi {

struct Tables {
  mm::Phys rsdp;  // 0: none that is good
  Pages acpi_storage;
  size_t acpi_count = 0;
  mm::Phys smbios;              // 0: none that is good
  Pages smbios_copy;            // where move_smbios() has put it
  uint32_t smbios_version = 0;  // 3, 2, or 0
  loader::Fdt tree;             // empty: none that is good
  // SMBIOS' entry point and the structure table it points to, and the device tree; empty: not there.
  std::array<loader::NamedRange, 3> ranges{};

  // What the machine is told by, where there are no ACPI tables.
  [[nodiscard]] const loader::Fdt* told_by() const {
    return acpi_count == 0 && !tree.empty() ? &tree : nullptr;
  }
  [[nodiscard]] std::span<const loader::AcpiTable> acpi() const {
    return {acpi_storage.as<const loader::AcpiTable>(), acpi_count};
  }
};

// RSDP: ACPI 2.0's, then 1.0's. SMBIOS: 3, then 2. What the tables' pointers claim is believed only
// where `memory` describes the address at all. What is missing or broken is named in `findings`; a
// machine may do without any of it.
mm::Result<Tables> find_tables(const Firmware& firmware, const mm::E820Table& memory,
                               const mm::Printer& findings);

// Where the kernel's world has no place for SMBIOS, as the kernel itself stands there: both tables are
// copied to where it has, and the entry point leads to the copy. That is told.
mm::Result<> move_smbios(const Firmware& firmware, const loader::AddressSpace& space,
                         Tables& tables, const mm::Printer& findings);

}  // namespace efi
