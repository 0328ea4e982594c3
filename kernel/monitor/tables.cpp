// What the ACPI tables say.
#include "kernel/monitor/commands.h"

#include <array>

#include "kernel/arch.h"
#include "kernel/smp/cpus.h"

namespace kernel {
namespace {

using mm::Printer;

void acpi(Booted& machine, std::string_view, const Printer& out) {
  machine.tables.tables().print(out);
}

void show_srat(Booted& machine, std::string_view, const Printer& out) {
  const loader::Srat& srat = machine.tables.srat();
  if (!srat.used) {
    out.line("no SRAT, or one that is not used: all memory is in node 0");
    return;
  }
  for (const mm::MemoryAffinity& m : srat.memory) {
    out.line("node {} {}{}{}", m.node, mem(m.range), m.hotplug ? " hotplug" : "",
             m.nonvolatile ? " non-volatile" : "");
  }
  const char* const id = loader::id_name(machine.tables.madt().gic);
  for (const loader::CpuAffinity& cpu : srat.cpus)
    out.line("node {} {} {}", cpu.node, id, cpu.apic_id);
  const mm::NodeId nodes = machine.relay.numa().node_count();
  out.line("distances{}", machine.relay.numa().faked ? " (not used)" : "");
  for (mm::NodeId from = 0; from < nodes; ++from) {
    out.part("  node {:2}:", from);
    for (mm::NodeId to = 0; to < nodes; ++to) {
      out.part(" {:3}", machine.tables.distances().between(from, to));
    }
    out.text("\n");
  }
}

void show_cpus(Booted& machine, std::string_view, const Printer& out) {
  arch::print_cpu(out);
  if (machine.tables.madt().cpus.empty()) out.line("no MADT: one CPU is all that is known");
  const char* const id = loader::id_name(machine.tables.madt().gic);
  for (const Cpu& cpu : cpus().all()) {
    out.line("CPU {}: {} {}, node {}, {}{}", cpu.number, id, cpu.id, cpu.node,
             cpu_state_name(cpu.state), cpu.number == arch::this_cpu() ? ", runs this" : "");
  }
  out.line("{} online", cpus().online());
}

constexpr std::array kCommands{
    Command{"acpi", "", "the ACPI tables", acpi},
    Command{"srat", "", "memory and CPUs by node, and distances", show_srat},
    Command{"cpus", "", "the CPUs", show_cpus},
};

}  // namespace

std::span<const Command> table_commands() { return kCommands; }

}  // namespace kernel
