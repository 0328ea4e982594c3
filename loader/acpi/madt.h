// MADT: the CPUs and interrupt controllers of the machine (ACPI 6.5 section 5.2.12).
#pragma once

#include <cstdint>
#include <span>

#include "mm/print.h"
#include "mm/result.h"

namespace loader {

struct MadtCpu {
  uint32_t apic_id = 0;
  bool enabled = false;         // it is there
  bool online_capable = false;  // it is not, but may be plugged in
  bool x2apic = false;          // by an x2APIC entry
};

struct Madt {
  std::span<const MadtCpu> cpus;  // enabled or online capable ones, in the table's order
  size_t enabled = 0;             // how many of them are there
  uint64_t local_apic = 0;        // physical address
  size_t io_apics = 0;
  size_t left_out = 0;  // CPUs behind those that fit
};

// CPUs that do not fit into `storage` are counted and left out, which is told. Fails when the table
// is shorter than its header or an entry has a bad length. Prints `smpboot: Allowing 4 CPUs, 0
// hotplug CPUs`.
mm::Result<Madt> parse_madt(std::span<const uint8_t> table, std::span<MadtCpu> storage,
                            const mm::Printer& out);

}  // namespace loader
