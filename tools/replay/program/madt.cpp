// MADT: the machine's CPUs, and which nodes have them.
#include <algorithm>

#include "loader/acpi/madt.h"
#include "tools/replay/must.h"
#include "tools/replay/program/table_readers.h"

namespace replay {

std::vector<loader::MadtCpu> cpus_of(const TableBytes& madt, Machine& machine) {
  std::vector<loader::MadtCpu> cpus(madt.size() / 8);  // no entry of a CPU is shorter
  const auto found = loader::parse_madt(madt, cpus, mm::Printer());
  if (!found.ok()) {
    machine.remarks.push_back({0, "MADT cannot be used: " + describe(found.error())});
    return {};
  }
  cpus.resize(found.value().cpus.size());
  return cpus;
}

void take_madt(const TableBytes& table, std::span<const loader::CpuAffinity> affinities,
               Machine& machine) {
  NodeCpus cpus;
  for (const loader::MadtCpu& cpu : cpus_of(table, machine)) {
    if (!cpu.enabled) continue;
    ++cpus.enabled;
    const auto node =
        std::find_if(affinities.begin(), affinities.end(),
                     [&](const loader::CpuAffinity& each) { return each.apic_id == cpu.srat_id; });
    if (node != affinities.end()) {
      if (cpus.of.size() <= node->node) cpus.of.resize(node->node + size_t{1});
      ++cpus.of[node->node];
    } else if (!affinities.empty()) {
      cpus.in_none.push_back(cpu.apic_id);
    }
  }
  machine.cpus = std::move(cpus);
}

}  // namespace replay
