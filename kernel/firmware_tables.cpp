#include "kernel/firmware_tables.h"

namespace kernel {
namespace {

// The value, or what stands for "the table is not there", with the reason told.
template <class T>
T or_none(const mm::Result<T>& result, const mm::Printer& out, const char* who = "ACPI") {
  if (result.ok()) return result.value();
  out.error(who, result.error());
  return T{};
}

constexpr const char* kTree = "OF: fdt";

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

void FirmwareTables::take_tree(std::span<const uint8_t> bytes, const mm::Printer& out) {
  if (bytes.empty()) return;
  tree_ = or_none(loader::Fdt::open(bytes), out, kTree);
  if (tree_.empty()) return;
  const auto model = tree_.property(tree_.root(), "model");
  out.line(
      "OF: fdt: device tree at {:#x}, {} bytes: {}", reinterpret_cast<uintptr_t>(bytes.data()),
      bytes.size(),
      told_by_tree() ? "used, as there are no ACPI tables" : "not used, as there are ACPI tables");
  if (told_by_tree() && model) out.line("Machine model: {}", model->text());
}

mm::Result<loader::SpcrPort> FirmwareTables::console() const {
  if (told_by_tree()) return loader::fdt_console(tree_);
  const auto spcr = tables_.table("SPCR");
  return spcr.empty() ? loader::SpcrPort{} : loader::parse_spcr(spcr);
}

void FirmwareTables::read_interrupts(uint32_t own_id, const mm::Printer& out) {
  if (told_by_tree()) {
    gic_ = or_none(loader::fdt_gic(tree_, redistributors_), out, kTree);
    timer_ = or_none(loader::fdt_timer(tree_), out, kTree);
  } else {
    gic_ = loader::gic_of_madt(tables_.table("APIC"), own_id, redistributors_);
    timer_ = loader::timer_of_gtdt(tables_.table("GTDT"));
  }
  if (gic_.left_out != 0) {
    out.line("GIC: {} ranges of redistributors behind the first {} left out", gic_.left_out,
             gic_.redistributors.size());
  }
}

void FirmwareTables::read_power(const mm::Printer& out) {
  if (told_by_tree()) {
    power_.psci = or_none(loader::fdt_psci(tree_), out, kTree);
    return;
  }
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

void FirmwareTables::read_tree(uint32_t own_id, const mm::Printer& out) {
  madt_ = or_none(loader::fdt_cpus(tree_, own_id, cpus_, out), out, kTree);
  const loader::SratStorage storage{memory_, cpu_affinities_, {}};
  srat_ = or_none(loader::fdt_nodes(tree_, storage, domains_, out), out, kTree);
  if (!srat_.used) return;
  distances_ = or_none(loader::fdt_distances(tree_, domains_, tree_distances_, out), out, kTree);
}

void FirmwareTables::read_topology(bool wide_cpu_ids, uint32_t own_id, const mm::Printer& out) {
  if (told_by_tree()) return read_tree(own_id, out);
  if (const auto table = tables_.table("APIC"); !table.empty()) {
    madt_ = or_none(loader::parse_madt(table, cpus_, out), out);
  }
  read_srat(wide_cpu_ids, out);
}

}  // namespace kernel
