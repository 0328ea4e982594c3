// This machine's tables and registers, for the tests of them.
#include <array>

#include "kernel/arch.h"
#include "kernel/booted.h"
#include "kernel/selftest/table_tests.h"
#include "kernel/x86_64/mtrr.h"
#include "mm/x86_64/e820_trim.h"

namespace kernel {
namespace {

constinit TableFacts facts;
constinit mm::Mtrrs boot_cpu_mtrrs;
constinit std::array<uint64_t, 2 * FirmwareTables::kMaxCpus> scratch{};

}  // namespace

const TableFacts& table_facts(const Booted& machine) {
  const loader::Handoff& handoff = machine.kept.handoff();
  const loader::AcpiTables& acpi = machine.tables.tables();
  boot_cpu_mtrrs = x86::read_mtrrs();
  facts.map = machine.kept.map();
  facts.readable = arch::is_mapped;
  facts.context = facts.map.at<const void>(mm::Phys{0});
  facts.rsdp = handoff.rsdp;
  facts.tables = acpi.list();
  facts.root = acpi.root();
  facts.e820 = &machine.relay.e820();
  facts.changes = 0;
  for (const mm::NamedBytes& trim : machine.trims) {
    if (trim.bytes != 0) facts.changes |= kRamTaken;
  }
  if (machine.added != 0) facts.changes |= kRamAdded;
  facts.trims = machine.relay.trims();
  if (facts.trims.bytes_of(mm::kUncached) != 0) facts.changes |= kRamTaken;
  facts.smbios = handoff.smbios;
  facts.smbios_version = handoff.smbios_version;
  facts.boot_apic_id = handoff.processor_id;
  facts.mtrrs = {&boot_cpu_mtrrs, 1};
  facts.end = machine.end_of_space;
  facts.scratch = scratch;
  return facts;
}

}  // namespace kernel
