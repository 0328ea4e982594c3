#include "kernel/firmware_tables.h"

namespace kernel {
namespace {

// The value, or what stands for "the table is not there", with the reason told.
template <class T>
T or_none(const mm::Result<T>& result, const mm::Printer& out) {
  if (result.ok()) return result.value();
  out.error("ACPI", result.error());
  return T{};
}

}  // namespace

void FirmwareTables::find(uint64_t rsdp, const loader::AcpiWalk& walk, const mm::DirectMap& map,
                          const mm::Printer& out) {
  if (rsdp == 0) {
    out.line("ACPI: no RSDP: this machine has no ACPI tables");
    return;
  }
  const mm::Result<> found = tables_.find(rsdp, walk, map);
  if (!found.ok()) out.error("ACPI", found.error());
  tables_.print(out);
}

void FirmwareTables::read_power(const mm::Printer& out) {
  if (const auto fadt = tables_.table("FACP"); !fadt.empty()) {
    power_ = or_none(loader::parse_fadt(fadt), out);
    if (power_.pm_timer != 0) out.line("ACPI: PM-Timer IO Port: {:#x}", power_.pm_timer);
  }
  power_.s5 = loader::find_s5(tables_.table("DSDT"));
}

void FirmwareTables::read_srat(bool wide_cpu_ids, const mm::Printer& out) {
  const auto table = tables_.table("SRAT");
  if (table.empty()) return;
  const loader::SratStorage storage{memory_, cpu_affinities_, madt_.cpus};
  srat_ = or_none(loader::parse_srat(table, storage, domains_, wide_cpu_ids, out), out);
  if (!srat_.used) return;
  if (const auto slit = tables_.table("SLIT"); !slit.empty()) {
    distances_ = or_none(loader::parse_slit(slit, domains_, out), out);
  }
  if (const auto cedt = tables_.table("CEDT"); !cedt.empty()) {
    (void)or_none(loader::add_cxl_windows(cedt, storage, domains_, srat_, out), out);
  }
}

void FirmwareTables::read_topology(bool wide_cpu_ids, const mm::Printer& out) {
  if (const auto table = tables_.table("APIC"); !table.empty()) {
    madt_ = or_none(loader::parse_madt(table, cpus_, out), out);
  }
  read_srat(wide_cpu_ids, out);
}

}  // namespace kernel
