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
  uint32_t apic_id = 0;         // by a GICC entry: packed_mpidr()
  bool enabled = false;         // it is there
  bool online_capable = false;  // it is not, but may be plugged in
  bool x2apic = false;          // by an x2APIC entry
  bool gic = false;             // by a GICC entry
  uint32_t srat_id = 0;         // by which SRAT names it: the same, or the ACPI processor UID
};

// An Arm CPU's MPIDR in 32 bits: its four affinity fields, the lowest first (Arm ARM, MPIDR_EL1).
[[nodiscard]] constexpr uint32_t packed_mpidr(uint64_t mpidr) {
  return static_cast<uint32_t>((mpidr & 0xff'ffff) | (mpidr >> 32 & 0xff) << 24);
}
[[nodiscard]] constexpr uint64_t whole_mpidr(uint32_t packed) {
  return (packed & 0xff'ffff) | uint64_t{packed >> 24} << 32;
}

// What such an id is called, and what SRAT calls its own.
[[nodiscard]] constexpr const char* id_name(bool gic) { return gic ? "MPIDR" : "APIC id"; }
[[nodiscard]] constexpr const char* srat_id_name(bool gic) {
  return gic ? "processor UID" : "APIC id";
}

// Where its entries begin: behind the header, the local APICs' address and the flags.
inline constexpr size_t kMadtFirst = 44;

struct MadtEntry {
  enum class Kind : uint8_t { Cpu, IoApic, LocalApic, WakeUp, Distributor, Redistributors, Other };
  Kind kind = Kind::Other;
  bool cut = false;  // shorter than its type is: only `raw` is meant
  MadtCpu cpu;       // Kind::Cpu
  // Where the others' registers are, and how many bytes of them. Of a CPU by a GICC entry: its
  // interface's, in a GICv2; 0: it has none there.
  uint64_t address = 0, size = 0;
  uint64_t redistributor = 0;  // of a CPU by a GICC entry; 0: see Kind::Redistributors
  uint8_t gic_version = 0;     // Kind::Distributor; 0: it does not say
  AcpiEntry raw;
};

// A redistributor's two frames (Arm IHI 0069, section 12.10).
inline constexpr uint64_t kRedistributorSize = 0x2'0000;

// Its entries, in order. The address in the table's fixed part comes first, as if it were one; where
// there is a GIC it means nothing.
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

// Bytes an entry of the type has; 0 where the length is not fixed (a GICC's grew with ACPI) or the
// type not known here.
[[nodiscard]] size_t madt_length(uint8_t type);

struct Madt {
  std::span<const MadtCpu> cpus;  // enabled or online capable ones, in the table's order
  size_t enabled = 0;             // how many of them are there
  uint64_t local_apic = 0;        // physical address
  size_t io_apics = 0;
  uint64_t mailbox = 0;  // by which firmware wakes the CPUs it has parked; 0: it has parked none
  size_t left_out = 0;   // CPUs behind those that fit
  bool gic = false;      // its CPUs have MPIDRs
};

// CPUs that do not fit into `storage` are counted and left out, which is told. Fails when the table
// is shorter than its header or an entry has a bad length. Prints `smpboot: Allowing 4 CPUs, 0
// hotplug CPUs`.
mm::Result<Madt> parse_madt(std::span<const uint8_t> table, std::span<MadtCpu> storage,
                            const mm::Printer& out);

}  // namespace loader
