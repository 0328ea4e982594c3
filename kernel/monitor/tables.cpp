// What the ACPI tables or the device tree say.
#include "kernel/monitor/commands.h"

#include <algorithm>
#include <array>

#include "kernel/arch.h"
#include "kernel/smp/cpus.h"
#include "kernel/usb/usb.h"

namespace kernel {
namespace {

using mm::Printer;

void acpi(Booted& machine, std::string_view, const Printer& out) {
  if (machine.tables.tables().list().empty()) out.line("this machine has no ACPI tables");
  machine.tables.tables().print(out);
}

const char* name_of(loader::Psci psci) {
  if (psci == loader::Psci::None) return "none";
  return psci == loader::Psci::Hvc ? "by hvc" : "by smc";
}

void print_gic(const loader::Gic& gic, const Printer& out) {
  if (gic.distributor.empty()) {
    out.line("no GIC");
    return;
  }
  out.line("GIC distributor {:08x}", mem(gic.distributor));
  if (!gic.interface.empty()) out.line("GIC CPU interface {:08x}", mem(gic.interface));
  for (const mm::Range& range : gic.redistributors)
    out.line("GIC redistributors {:08x}", mem(range));
}

void print_reserved(const loader::Fdt& tree, const Printer& out) {
  std::array<loader::FdtReserved, 32> room;
  const auto count = loader::fdt_reserved(tree, room);
  if (!count.ok()) {
    out.error("OF: fdt", count.error());
    return;
  }
  const size_t shown = std::min(count.value(), room.size());
  for (const loader::FdtReserved& reserved : std::span(room).first(shown)) {
    out.line("reserved {:08x} {}{}", mem(reserved.range),
             reserved.node == nullptr ? "memory reservation block" : reserved.node,
             reserved.no_map ? ", not to be mapped" : "");
  }
  if (shown != count.value()) out.line("and {} more", count.value() - shown);
}

void fdt(Booted& machine, std::string_view, const Printer& out) {
  const FirmwareTables& tables = machine.tables;
  const loader::Fdt& tree = tables.tree();
  if (tree.empty()) {
    out.line("this machine has no device tree, or none that can be read");
    return;
  }
  const auto model = tree.property(tree.root(), "model");
  out.line("{} bytes at {:#x}: {}, {}", tree.bytes().size(),
           machine.kept.handoff().device_tree.address,
           model ? model->text() : "a machine without a name",
           tables.told_by_tree() ? "used" : "not used, as there are ACPI tables");
  if (tables.told_by_tree()) {
    out.line("{} CPUs, PSCI {}", tables.madt().cpus.size(), name_of(tables.power().psci));
    print_gic(tables.gic(), out);
    out.line("virtual timer: interrupt {}", tables.timer());
    const auto console = tables.console();
    if (!console.ok()) {
      out.error("OF: fdt", console.error());
    } else if (console.value().pl011 != 0) {
      out.line("console: PL011 at {:#x}", console.value().pl011);
    }
  }
  print_reserved(tree, out);
}

void show_srat(Booted& machine, std::string_view, const Printer& out) {
  const loader::Srat& srat = machine.tables.srat();
  if (!srat.used) {
    out.line("no SRAT or numa-node-id, or not used: all memory is in node 0");
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
  if (machine.tables.madt().cpus.empty())
    out.line("no MADT or device tree: one CPU is all that is known");
  const char* const id = loader::id_name(machine.tables.madt().gic);
  for (const Cpu& cpu : cpus().all()) {
    out.line("CPU {}: {} {}, node {}, {}{}", cpu.number, id, cpu.id, cpu.node,
             cpu_state_name(cpu.state), cpu.number == arch::this_cpu() ? ", runs this" : "");
  }
  out.line("{} online", cpus().online());
}

void usb(Booted&, std::string_view, const Printer& out) { print_usb(out); }

constexpr std::array kCommands{
    Command{"acpi", "", "the ACPI tables", acpi},
    Command{"fdt", "", "the device tree", fdt},
    Command{"usb", "", "USB keyboards, and how they are reached", usb},
    Command{"srat", "", "memory and CPUs by node, and distances", show_srat},
    Command{"cpus", "", "the CPUs", show_cpus},
};

}  // namespace

std::span<const Command> table_commands() { return kCommands; }

}  // namespace kernel
