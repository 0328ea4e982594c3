// MADT: the CPUs and interrupt controllers of the machine (ACPI 6.5 section 5.2.12).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "loader/acpi/entries.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

struct MadtCpu {
  uint32_t apic_id = 0;
  bool enabled = false;         // it is there
  bool online_capable = false;  // it is not, but may be plugged in
  bool x2apic = false;          // by an x2APIC entry
};

// Where its entries begin: behind the header, the local APICs' address and the flags.
inline constexpr size_t kMadtFirst = 44;

struct MadtEntry {
  enum class Kind : uint8_t { Cpu, IoApic, LocalApic, WakeUp, Other };
  Kind kind = Kind::Other;
  bool cut = false;      // shorter than its type is: only `raw` is meant
  MadtCpu cpu;           // Kind::Cpu
  uint64_t address = 0;  // where the others' registers are
  AcpiEntry raw;
};

// Its entries, in order. The address in the table's fixed part comes first, as if it were one.
class MadtEntries {
 public:
  explicit MadtEntries(std::span<const uint8_t> table) : table_(table), rest_(table, kMadtFirst) {}

  std::optional<MadtEntry> next();
  [[nodiscard]] mm::Result<> fault() const { return rest_.fault(); }

 private:
  std::span<const uint8_t> table_;
  AcpiEntries rest_;
  bool begun_ = false;
};

// Bytes an entry of the type has; 0 where the length is not fixed or the type not known here.
[[nodiscard]] size_t madt_length(uint8_t type);

struct Madt {
  std::span<const MadtCpu> cpus;  // enabled or online capable ones, in the table's order
  size_t enabled = 0;             // how many of them are there
  uint64_t local_apic = 0;        // physical address
  size_t io_apics = 0;
  uint64_t mailbox = 0;  // by which firmware wakes the CPUs it has parked; 0: it has parked none
  size_t left_out = 0;   // CPUs behind those that fit
};

// CPUs that do not fit into `storage` are counted and left out, which is told. Fails when the table
// is shorter than its header or an entry has a bad length. Prints `smpboot: Allowing 4 CPUs, 0
// hotplug CPUs`.
mm::Result<Madt> parse_madt(std::span<const uint8_t> table, std::span<MadtCpu> storage,
                            const mm::Printer& out);

}  // namespace loader
