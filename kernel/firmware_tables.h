// What this machine's ACPI tables say, or its device tree where it has none, read once at boot.
#pragma once

#include <array>
#include <cstdint>

#include "loader/acpi/fadt.h"
#include "loader/acpi/gic.h"
#include "loader/acpi/madt.h"
#include "loader/acpi/slit.h"
#include "loader/acpi/spcr.h"
#include "loader/acpi/srat.h"
#include "loader/acpi/tables.h"
#include "loader/fdt/machine.h"
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
  // The device tree, behind find(): what follows is read from it where there are no ACPI tables, and
  // a line says which of the two is used.
  void take_tree(std::span<const uint8_t> bytes, const mm::Printer& out);
  // Power management.
  void read_power(const mm::Printer& out);
  // Arm's interrupt controller and timer, for the CPU with this id.
  void read_interrupts(uint32_t own_id, const mm::Printer& out);
  // CPUs, then nodes and distances: prints the SRAT lines. `own_id` is the CPU's that runs this.
  void read_topology(bool wide_cpu_ids, uint32_t own_id, const mm::Printer& out);

  [[nodiscard]] const loader::AcpiTables& tables() const { return tables_; }
  // Empty: there is none, or none that can be read.
  [[nodiscard]] const loader::Fdt& tree() const { return tree_; }
  [[nodiscard]] bool told_by_tree() const { return !tree_.empty() && tables_.list().empty(); }
  // The serial console that the firmware uses; no port of either kind: it does not say.
  [[nodiscard]] mm::Result<loader::SpcrPort> console() const;
  [[nodiscard]] const loader::Gic& gic() const { return gic_; }
  // The virtual timer's interrupt; 0: it is not said.
  [[nodiscard]] uint32_t timer() const { return timer_; }
  [[nodiscard]] const loader::AcpiFacts& power() const { return power_; }
  [[nodiscard]] const loader::Madt& madt() const { return madt_; }
  [[nodiscard]] const loader::Srat& srat() const { return srat_; }
  [[nodiscard]] const mm::Distances& distances() const { return distances_; }
  [[nodiscard]] const loader::ProximityMap& domains() const { return domains_; }

 private:
  void read_tree(uint32_t own_id, const mm::Printer& out);
  void read_srat(bool wide_cpu_ids, const mm::Printer& out);

  loader::AcpiTables tables_;
  loader::Fdt tree_;
  loader::AcpiFacts power_;
  loader::Gic gic_;
  uint32_t timer_ = 0;
  loader::Madt madt_;
  loader::Srat srat_;
  mm::Distances distances_;
  loader::ProximityMap domains_;
  std::array<mm::MemoryAffinity, kMaxMemory> memory_{};
  std::array<loader::CpuAffinity, kMaxCpus> cpu_affinities_{};
  std::array<loader::MadtCpu, kMaxCpus> cpus_{};
  std::array<mm::Range, loader::kMaxGicRegions> redistributors_{};
  loader::FdtDistances tree_distances_{};
};

}  // namespace kernel
