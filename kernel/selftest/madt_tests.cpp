// MADT: CPUs and interrupt controllers (ACPI 6.5 section 5.2.12).
#include <algorithm>

#include "kernel/selftest/table_entries.h"
#include "kernel/selftest/table_tests.h"

namespace kernel {
namespace {

using loader::Severity;
using loader::Verdict;
using Bytes = std::span<const uint8_t>;

Verdict check_madt_form(const TableFacts& machine) {
  const Bytes madt = machine.table("APIC");
  if (madt.empty() && machine.told_by_tree) {
    return Verdict::skip("a device tree tells of this machine");
  }
  if (madt.empty()) return Verdict::fail("there is no MADT");
  return check_entries(madt, loader::kMadtFirst, loader::madt_length);
}

Verdict check_madt_cpus(const TableFacts& machine) {
  const Bytes madt = machine.table("APIC");
  if (madt.size() < loader::kMadtFirst) return no_table("MADT");
  bool boot_cpu = false;
  bool gic = false;
  size_t index = 0;
  Sorted ids(machine.scratch);
  (void)each_of(loader::MadtEntries(madt), is_there, [&](const loader::MadtEntry& entry) {
    const loader::MadtCpu& cpu = entry.cpu;
    boot_cpu = boot_cpu || cpu.apic_id == machine.boot_apic_id;
    gic = gic || cpu.gic;
    ids.add(cpu.apic_id);
    ++index;
    return Verdict::pass();
  });
  const auto sorted = ids.sort();
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    return Verdict::fail("{} {:#x} is there twice", loader::id_name(gic), *twice);
  }
  if (const Verdict v = ids.all_seen("CPUs"); !v.passed()) return v;
  if (!boot_cpu) {
    return Verdict::fail("the CPU that runs this, {} {:#x}, is not among its {}",
                         loader::id_name(gic), machine.boot_apic_id, index);
  }
  return Verdict::pass();
}

Verdict check_madt_x2apic(const TableFacts& machine) {
  const Bytes madt = machine.table("APIC");
  if (madt.size() < loader::kMadtFirst) return no_table("MADT");
  return each_of(loader::MadtEntries(madt), is_there, [&](const loader::MadtEntry& entry) {
    const loader::MadtCpu& cpu = entry.cpu;
    if (!cpu.x2apic || cpu.apic_id >= 255) return Verdict::pass();
    return Verdict::fail("APIC id {:#x} has an x2APIC entry", cpu.apic_id);
  });
}

Verdict check_madt_addresses(const TableFacts& machine) {
  const Bytes madt = machine.table("APIC");
  if (madt.size() < loader::kMadtFirst) return no_table("MADT");
  const auto check = [&](const char* what, uint64_t address) {
    if (address == 0 || address >= machine.end.v) {
      return Verdict::fail("{} at {:#x}, where nothing can be", what, address);
    }
    const mm::E820Entry* const entry = machine.e820->find(mm::Phys{address});
    if (entry == nullptr || entry->type != mm::E820Type::Ram) return Verdict::pass();
    return Verdict::fail("{} at {:#x}, which is usable memory", what, address);
  };
  // What is cut acpi.madt.form speaks of.
  loader::MadtEntries entries(madt);
  while (const auto entry = entries.next()) {
    using Kind = loader::MadtEntry::Kind;
    if (entry->kind == Kind::IoApic) {
      if (const Verdict v = check("an I/O APIC is", entry->address); v.failed()) return v;
    }
    if (entry->kind == Kind::LocalApic) {
      if (const Verdict v = check("the local APICs are", entry->address); v.failed()) return v;
    }
    if (entry->kind == Kind::Distributor) {
      if (const Verdict v = check("the GIC's distributor is", entry->address); v.failed()) return v;
    }
    if (entry->kind == Kind::Redistributors) {
      const Verdict v = check("the GIC's redistributors are", entry->address);
      if (v.failed()) return v;
    }
    // In a GICv3 a CPU's interface is in its registers, and these need not be told.
    if (entry->kind == Kind::Cpu && entry->address != 0) {
      const Verdict v = check("a CPU's GIC interface is", entry->address);
      if (v.failed()) return v;
    }
    if (entry->kind == Kind::Cpu && entry->redistributor != 0) {
      const Verdict v = check("a CPU's GIC redistributor is", entry->redistributor);
      if (v.failed()) return v;
    }
  }
  return Verdict::pass();
}

constexpr TableTest kTests[] = {
    {{"acpi.madt.form", "the MADT's entries have their types' lengths", Severity::High,
      "ACPI 6.5 section 5.2.12", "CPUs or interrupts are missing. Firmware vendor."},
     check_madt_form},
    {{"acpi.madt.cpus", "each CPU is in the MADT once, the boot CPU among them", Severity::High,
      "ACPI 6.5 sections 5.2.12.2 and 5.2.12.14",
      "CPUs are missing or started twice. Firmware vendor."},
     check_madt_cpus},
    {{"acpi.madt.x2apic", "x2APIC entries are for ids from 255 on", Severity::Low,
      "ACPI 6.5 section 5.2.12.12", "OSes without x2APIC do not see these CPUs. Firmware vendor."},
     check_madt_x2apic},
    {{"acpi.madt.addresses", "interrupt controllers lie where the CPU reaches them, in no memory",
      Severity::High, "ACPI 6.5 sections 5.2.12, 5.2.12.3, 5.2.12.8 and 5.2.12.14 to 5.2.12.17",
      "No interrupts, or an OS that writes into its own memory. Firmware vendor."},
     check_madt_addresses,
     kRamAdded},
};

}  // namespace

std::span<const TableTest> madt_tests() { return kTests; }

}  // namespace kernel
