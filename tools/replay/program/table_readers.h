// The tables beside SRAT, each by its reader.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "loader/acpi/srat.h"
#include "tools/replay/machine.h"
#include "tools/replay/program/tables.h"

namespace replay {

// The caller has made sure that it is there.
template <class T>
T field(std::span<const uint8_t> table, size_t at) {
  T value{};
  std::memcpy(&value, table.data() + at, sizeof value);
  return value;
}

// Both say in remarks what cannot be read, or names what the SRAT does not know.
// HMAT (ACPI 6.5, 5.2.28): how fast memory is.
void take_hmat(const TableBytes& table, const loader::ProximityMap& domains, Machine& machine);
// MADT: how many CPUs each node has, by the SRAT's entries for them.
void take_madt(const TableBytes& table, std::span<const loader::CpuAffinity> affinities,
               Machine& machine);
// All its CPUs, enabled or not, as SRAT's reader needs them where its names are others.
[[nodiscard]] std::vector<loader::MadtCpu> cpus_of(const TableBytes& madt, Machine& machine);

}  // namespace replay
