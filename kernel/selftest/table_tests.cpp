#include "kernel/selftest/table_tests.h"

namespace kernel {
namespace {

using loader::Verdict;

constexpr TableTests* kAcpi[] = {acpi_root_tests, madt_tests, srat_tests, slit_tests,
                                 hmat_tests,      cedt_tests, mcfg_tests};
constexpr TableTests* kMachine[] = {arch_table_tests, smbios_tests};

}  // namespace

std::span<const uint8_t> TableFacts::table(std::string_view signature) const {
  for (const loader::AcpiTable& t : tables) {
    if (std::string_view(t.signature.data(), t.signature.size()) != signature) continue;
    return {map.at<const uint8_t>(t.address), t.length};
  }
  return {};
}

Verdict run_table_test(const TableTest& test, const TableFacts& machine) {
  const Verdict verdict = test.check(machine);
  if (!verdict.failed() || (test.upset_by & machine.changes) == 0) return verdict;
  return Verdict::skip("{} the memory map, so this may be no fault: {}",
                       !machine.trims.first_uncached.empty() ? "uncached RAM was taken out of"
                                                             : "mem= or memmap= changed",
                       verdict.facts());
}

std::span<TableTests* const> acpi_tests() { return kAcpi; }
std::span<TableTests* const> machine_tests() { return kMachine; }

}  // namespace kernel
