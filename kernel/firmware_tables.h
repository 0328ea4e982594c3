// What this machine's ACPI tables say, read once at boot.
#pragma once

#include <array>
#include <cstdint>

#include "loader/acpi/fadt.h"
#include "loader/acpi/madt.h"
#include "loader/acpi/slit.h"
#include "loader/acpi/srat.h"
#include "loader/acpi/tables.h"
#include "mm/print.h"

namespace kernel {

// The arrays the others' answers point into; large, so there is one of it, in .bss.
class FirmwareTables {
 public:
  static constexpr size_t kMaxMemory = 4 * mm::kMaxNodes;
  static constexpr size_t kMaxCpus = 4096;

  // Finds the tables and prints their list. What cannot be read is told and counts as absent.
  void find(uint64_t rsdp, const loader::AcpiWalk& walk, const mm::DirectMap& map,
            const mm::Printer& out);
  // Power management, and the serial console the firmware uses.
  void read_power(const mm::Printer& out);
  // CPUs, then nodes and distances: prints the SRAT lines.
  void read_topology(bool wide_cpu_ids, const mm::Printer& out);

  [[nodiscard]] const loader::AcpiTables& tables() const { return tables_; }
  [[nodiscard]] const loader::AcpiFacts& power() const { return power_; }
  [[nodiscard]] const loader::Madt& madt() const { return madt_; }
  [[nodiscard]] const loader::Srat& srat() const { return srat_; }
  [[nodiscard]] const mm::Distances& distances() const { return distances_; }
  [[nodiscard]] const loader::ProximityMap& domains() const { return domains_; }

 private:
  void read_srat(bool wide_cpu_ids, const mm::Printer& out);

  loader::AcpiTables tables_;
  loader::AcpiFacts power_;
  loader::Madt madt_;
  loader::Srat srat_;
  mm::Distances distances_;
  loader::ProximityMap domains_;
  std::array<mm::MemoryAffinity, kMaxMemory> memory_{};
  std::array<loader::CpuAffinity, kMaxCpus> cpu_affinities_{};
  std::array<loader::MadtCpu, kMaxCpus> cpus_{};
};

}  // namespace kernel
