// This machine's tables and registers, for the tests of them.
#include <array>

#include "kernel/arch.h"
#include "kernel/booted.h"
#include "kernel/selftest/table_tests.h"

namespace kernel {
namespace {

constinit TableFacts facts;
constinit std::array<uint64_t, 2 * FirmwareTables::kMaxCpus> scratch{};

}  // namespace

const TableFacts& table_facts(const Booted& machine) {
  const loader::Handoff& handoff = machine.kept.handoff();
  const loader::AcpiTables& acpi = machine.tables.tables();
  facts.map = machine.kept.map();
  facts.readable = arch::is_mapped;
  facts.context = facts.map.at<const void>(mm::Phys{0});
  facts.rsdp = handoff.firmware.rsdp;
  facts.told_by_tree = machine.tables.told_by_tree();
  facts.tables = acpi.list();
  facts.root = acpi.root();
  facts.e820 = &machine.relay.e820();
  facts.changes = 0;
  for (const mm::NamedBytes& trim : machine.trims) {
    if (trim.bytes != 0) facts.changes |= kRamTaken;
  }
  if (machine.added != 0) facts.changes |= kRamAdded;
  facts.trims = machine.relay.trims();
  if (!facts.trims.first_uncached.empty()) facts.changes |= kRamTaken;
  facts.smbios = handoff.firmware.smbios;
  facts.smbios_version = handoff.firmware.smbios_version;
  const auto* const entry = machine.relay.map().at<const void>(mm::Phys{facts.smbios});
  facts.smbios_displaced = arch::is_kernels(reinterpret_cast<uintptr_t>(entry));
  facts.boot_apic_id = handoff.processor_id;
  facts.arch = arch::self_test_facts();
  facts.end = machine.end_of_space;
  facts.scratch = scratch;
  return facts;
}

}  // namespace kernel
