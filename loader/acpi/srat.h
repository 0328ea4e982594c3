// SRAT: which CPU and which memory belong to which proximity domain (ACPI 6.5 section 5.2.16), and
// what node Linux 6.1 makes of each domain (drivers/acpi/numa/srat.c, arch/x86/mm/srat.c).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "loader/acpi/entries.h"
#include "loader/acpi/madt.h"
#include "mm/layout.h"
#include "mm/numa.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

// Proximity domains to node ids: numbers are given in the order domains are first seen.
class ProximityMap {
 public:
  // The domain's node, a new one where it has none yet; nothing when mm::kMaxNodes are taken.
  std::optional<mm::NodeId> map(uint32_t domain);
  // The domain's node if it has one.
  [[nodiscard]] std::optional<mm::NodeId> find(uint32_t domain) const;
  // One more than the highest domain seen; 0 when none was.
  [[nodiscard]] uint32_t next_unused() const;
  [[nodiscard]] mm::NodeId count() const { return count_; }
  // By node id, as long as this map is there.
  [[nodiscard]] std::span<const uint32_t> domains() const {
    return std::span(domains_).first(count_);
  }

 private:
  std::array<uint32_t, mm::kMaxNodes> domains_{};  // by node id
  mm::NodeId count_ = 0;
};

// Where its entries begin: behind the header and twelve reserved bytes.
inline constexpr size_t kSratFirst = 48;

struct SratEntry {
  enum class Kind : uint8_t { Cpu, Memory, Initiator, Other };
  Kind kind = Kind::Other;
  bool cut = false;  // shorter than its type is: only its kind and `raw` are meant
  bool enabled = false;
  uint32_t reserved_flags = 0;  // those set that have no meaning
  uint32_t domain = 0;          // of 8 bits only in a table of revision 1, as Linux has it
  uint32_t apic_id = 0;         // Kind::Cpu: MadtCpu::srat_id
  bool x2apic = false;          // by an x2APIC entry
  bool gic = false;             // by a GICC entry
  mm::Range range;              // Kind::Memory; may wrap
  bool hotplug = false, nonvolatile = false;
  AcpiEntry raw;
};

// Its entries, in order; from the one at `first` on.
class SratEntries {
 public:
  explicit SratEntries(std::span<const uint8_t> table, size_t first = kSratFirst)
      : table_(table), rest_(table, first) {}

  std::optional<SratEntry> next();
  [[nodiscard]] mm::Result<> fault() const { return rest_.fault(); }

 private:
  std::span<const uint8_t> table_;
  AcpiEntries rest_;
};

// Bytes an entry of the type has; 0 where the type is not known here.
[[nodiscard]] size_t srat_length(uint8_t type);

struct CpuAffinity {
  uint32_t apic_id = 0;
  mm::NodeId node = 0;  // as a MemoryAffinity's
};

struct SratStorage {
  std::span<mm::MemoryAffinity> memory;
  std::span<CpuAffinity> cpus;
  // The MADT's, where SRAT's names for CPUs are not their ids.
  std::span<const MadtCpu> listed = {};
};

// All enabled entries, in the table's order. With used = false there is nothing in it.
struct Srat {
  bool used = false;
  std::span<const mm::MemoryAffinity> memory;
  std::span<const CpuAffinity> cpus;
  mm::NodeSet named;                              // all nodes any of the entries names
  size_t cpus_left_out = 0, memory_left_out = 0;  // behind those that fit
};

// Reads a table whose checksum is good; `table` begins with the ACPI header. First come CPUs,
// x2APICs and generic initiators in the table's order, then memory, and so are nodes numbered.
// Disabled entries do not count at all. Prints Linux's lines. Entries Linux takes offence at
// (length, too many domains) make it not use the table, and so it is here: the line says why. An
// entry that is shorter than its own header or reaches beyond the table is one of these. Entries
// for which there is no room are counted and left out, which is told. Fails when the table is
// shorter than its header.
mm::Result<Srat> parse_srat(std::span<const uint8_t> table, SratStorage storage,
                            ProximityMap& domains, bool x2apic_mode, const mm::Printer& out);

// CXL fixed memory windows of the CEDT (CXL 3.0 section 9.17.1.3): a window in which SRAT describes
// no memory becomes a node of its own, numbered after SRAT's; one it describes in part is given to
// the nodes that have parts of it, each up to the next. Adds to `srat`, whose storage this is.
mm::Result<> add_cxl_windows(std::span<const uint8_t> cedt, SratStorage storage,
                             ProximityMap& domains, Srat& srat, const mm::Printer& out);

}  // namespace loader
