// What this machine's ACPI tables say, read once at boot.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/acpi.h"
#include "kernel/acpi_fadt.h"
#include "kernel/acpi_madt.h"
#include "kernel/acpi_slit.h"
#include "kernel/acpi_srat.h"
#include "mm/print.h"

namespace kernel {

// The arrays the others' answers point into; large, so there is one of it, in .bss.
class FirmwareTables {
 public:
  static constexpr size_t kMaxMemory = 2 * mm::kMaxNodes * 8;
  static constexpr size_t kMaxCpus = 4096;

  // Finds the tables and prints their list. What cannot be read is told and counts as absent.
  void find(uint64_t rsdp, const loader::AcpiWalk& walk, const mm::DirectMap& map,
            const mm::Printer& out);
  // Power management, and the serial console the firmware uses.
  void read_power(const mm::Printer& out);
  // CPUs, then nodes and distances: prints the SRAT lines.
  void read_topology(bool x2apic_mode, const mm::Printer& out);

  [[nodiscard]] const AcpiTables& tables() const { return tables_; }
  [[nodiscard]] const AcpiFacts& power() const { return power_; }
  [[nodiscard]] const Madt& madt() const { return madt_; }
  [[nodiscard]] const Srat& srat() const { return srat_; }
  [[nodiscard]] const mm::Distances& distances() const { return distances_; }
  [[nodiscard]] const ProximityMap& domains() const { return domains_; }

 private:
  void read_srat(bool x2apic_mode, const mm::Printer& out);

  AcpiTables tables_;
  AcpiFacts power_;
  Madt madt_;
  Srat srat_;
  mm::Distances distances_;
  ProximityMap domains_;
  std::array<mm::MemoryAffinity, kMaxMemory> memory_{};
  std::array<CpuAffinity, kMaxCpus> cpu_affinities_{};
  std::array<MadtCpu, kMaxCpus> cpus_{};
  std::array<uint8_t, mm::kMaxNodes * mm::kMaxNodes> matrix_{};
};

}  // namespace kernel
