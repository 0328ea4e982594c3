// Where an Arm machine's interrupt controller and timer are (ACPI 6.5 sections 5.2.12.14 to .17 and
// 5.2.24); loader/fdt/ says the same of machines without ACPI.
#pragma once

#include <cstdint>
#include <span>

#include "mm/types.h"

namespace loader {

// As many redistributors, or regions of them, as devices are mapped: see kMaxInterruptControllers.
inline constexpr size_t kMaxGicRegions = 128;

struct Gic {
  unsigned version = 0;   // 2, or 3 and later; 0: it is not said
  mm::Range distributor;  // its registers; empty: there is none
  mm::Range interface;    // of a GICv2: each CPU's own, all at one address; empty: there is none
  std::span<const mm::Range> redistributors;  // one or many in each
  uint64_t stride = 0;  // from one redistributor to the next; 0: as each says itself
  size_t left_out = 0;  // ranges of redistributors behind those that fit
};

// A MADT's; the CPU's interface is that of the CPU with this id (MadtCpu::apic_id).
[[nodiscard]] Gic gic_of_madt(std::span<const uint8_t> madt, uint32_t own_id,
                              std::span<mm::Range> storage);

// The interrupt of a CPU's own (a PPI) by which the virtual timer's is told; 0: the table is too
// short to say.
[[nodiscard]] uint32_t timer_of_gtdt(std::span<const uint8_t> gtdt);

}  // namespace loader
