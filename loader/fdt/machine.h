// What a device tree says of an Arm machine, in the shapes in which ACPI's tables are read
// (loader/acpi/), so that whoever uses it need not ask which of the two told it.
//
// Bindings are those of Linux (Documentation/devicetree/bindings/ in its sources) and of the
// Devicetree Specification 0.4. What is not there is no error; what is there and cannot be read is,
// with the node's name.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "loader/acpi/fadt.h"
#include "loader/acpi/gic.h"
#include "loader/acpi/madt.h"
#include "loader/acpi/spcr.h"
#include "loader/acpi/srat.h"
#include "loader/fdt/fdt.h"
#include "mm/numa.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

// arm/psci.yaml; fails for PSCI 0.1, whose functions have no fixed numbers.
mm::Result<Psci> fdt_psci(const Fdt& tree);

// The PL011 that /chosen/stdout-path names (section 3.6, serial/pl011.yaml); pl011 = 0: nothing is
// named. Fails for any other port.
mm::Result<SpcrPort> fdt_console(const Fdt& tree);

// interrupt-controller/arm,gic.yaml and arm,gic-v3.yaml. No distributor: none of these is there.
mm::Result<Gic> fdt_gic(const Fdt& tree, std::span<mm::Range> storage);

// The virtual timer's interrupt, a PPI of the GIC (timer/arm,arch_timer.yaml); 0: there is none.
mm::Result<uint32_t> fdt_timer(const Fdt& tree);

// CPUs below /cpus (section 3.8), in the tree's order, with Linux's line: those that PSCI starts,
// and the one that runs, whose id is `own_id`. Others are named and left out, and so are those whose
// status says that they failed.
mm::Result<Madt> fdt_cpus(const Fdt& tree, uint32_t own_id, std::span<MadtCpu> storage,
                          const mm::Printer& out);

// What "numa-node-id" of memory nodes and CPUs says (numa.txt); ids become nodes in ascending
// order. Not used when no memory has one. Memory nodes say this and no more: what is RAM, the
// firmware's map says.
mm::Result<Srat> fdt_nodes(const Fdt& tree, SratStorage storage, ProximityMap& domains,
                           const mm::Printer& out);

// numa-distance-map-v1, as Linux takes it: what is given one way only holds both ways, what is not
// given is the default.
inline constexpr size_t kMaxFdtDistances = 128;
struct FdtDistances {
  std::array<uint8_t, kMaxFdtDistances * kMaxFdtDistances> matrix;
  std::array<uint32_t, kMaxFdtDistances> rows;
};
mm::Result<mm::Distances> fdt_distances(const Fdt& tree, const ProximityMap& domains,
                                        FdtDistances& storage, const mm::Printer& out);

// What the tree wants left alone: its memory reservation block, then the ranges of the children of
// /reserved-memory (section 3.5). Those without a range are wishes of drivers that are not here.
struct FdtReserved {
  mm::Range range;
  const char* node = nullptr;  // null: of the block
  bool no_map = false;         // nor may it be mapped
};
// How many there are, which may be more than fit.
mm::Result<size_t> fdt_reserved(const Fdt& tree, std::span<FdtReserved> out);

}  // namespace loader
