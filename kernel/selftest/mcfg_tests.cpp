// MCFG: where PCI Express configuration space lies (PCI Firmware 3.3 section 4.1.2).
#include "kernel/selftest/table_tests.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace {

using loader::Severity;
using loader::Verdict;
using Bytes = std::span<const uint8_t>;

constexpr size_t kMcfgFirst = 44, kMcfgEntry = 16;

Verdict check_mcfg_form(const TableFacts& machine) {
  const Bytes mcfg = machine.table("MCFG");
  if (mcfg.empty()) return Verdict::skip("this machine has no MCFG");
  if (mcfg.size() < kMcfgFirst || (mcfg.size() - kMcfgFirst) % kMcfgEntry != 0) {
    return Verdict::fail("{} bytes", mcfg.size());
  }
  for (size_t at = kMcfgFirst; at < mcfg.size(); at += kMcfgEntry) {
    const unsigned first = mcfg[at + 10];
    const unsigned last = mcfg[at + 11];
    if (first > last) return Verdict::fail("buses from {} to {}", first, last);
  }
  return Verdict::pass();
}

Verdict check_mcfg_reserved(const TableFacts& machine) {
  const Bytes mcfg = machine.table("MCFG");
  if (mcfg.size() < kMcfgFirst) return Verdict::skip("no MCFG that can be read");
  for (size_t at = kMcfgFirst; at + kMcfgEntry <= mcfg.size(); at += kMcfgEntry) {
    const auto base = loader::field<uint64_t>(mcfg, at);
    const uint64_t start = base + (uint64_t{mcfg[at + 10]} << 20);
    const uint64_t end = base + ((uint64_t{mcfg[at + 11]} + 1) << 20);
    for (mm::Phys p{start}; p.v < end;) {
      const mm::E820Entry* entry = machine.e820->find(p);
      if (entry == nullptr) {
        return Verdict::skip(
            "{}, of [{:#x}-{:#x}), is not in the map; ACPI's namespace may reserve it", p, start,
            end);
      }
      if (entry->type == mm::E820Type::Ram) {
        return Verdict::fail("{}, of [{:#x}-{:#x}), is usable memory", p, start, end);
      }
      p = entry->range.end;
    }
  }
  return Verdict::pass();
}

constexpr TableTest kTests[] = {
    {{"acpi.mcfg.form", "the MCFG lists whole ranges of buses", Severity::Medium,
      "PCI Firmware 3.3 section 4.1.2",
      "PCI Express devices lack their upper registers. Firmware "
      "vendor."},
     check_mcfg_form},
    {{"acpi.mcfg.reserved", "PCI configuration space is not usable memory", Severity::Critical,
      "PCI Firmware 3.3 section 4.1.2: reserved, in the map or in ACPI's namespace",
      "An OS gives device registers out as memory. Firmware vendor."},
     check_mcfg_reserved,
     kRamAdded},
};

}  // namespace

std::span<const TableTest> mcfg_tests() { return kTests; }

}  // namespace kernel
