// HMAT: nodes' bandwidth and latency (ACPI 6.5 section 5.2.28).
#include <algorithm>

#include "kernel/selftest/table_entries.h"
#include "kernel/selftest/table_tests.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace {

using loader::Severity;
using loader::Verdict;
using Bytes = std::span<const uint8_t>;

constexpr size_t kHmatFirst = 40;

// Calls visit(type, bytes) for each structure, until that fails; faults of form are told.
template <class Visit>
Verdict each_hmat(Bytes hmat, Visit visit) {
  if (hmat.size() < kHmatFirst) return Verdict::fail("{} bytes", hmat.size());
  for (size_t at = kHmatFirst; at < hmat.size();) {
    const size_t left = hmat.size() - at;
    const uint32_t length = left >= 8 ? loader::field<uint32_t>(hmat, at + 4) : 0;
    if (length < 8 || length > left) {
      return Verdict::fail("the structure at offset {} has a length of {}", at, length);
    }
    const Verdict v = visit(loader::field<uint16_t>(hmat, at), hmat.subspan(at, length));
    if (v.failed()) return v;
    at += length;
  }
  return Verdict::pass();
}

// Every domain that the SRAT names.
std::span<const uint64_t> sort_domains(Bytes srat, Sorted& domains) {
  loader::SratEntries entries(srat);
  while (const auto entry = entries.next()) {
    const bool initiator = entry->kind == loader::SratEntry::Kind::Initiator && !entry->cut;
    if (initiator || places_cpu(*entry) || places_memory(*entry)) domains.add(entry->domain);
  }
  return domains.sort();
}

Verdict check_hmat_form(const TableFacts& machine) {
  const Bytes hmat = machine.table("HMAT");
  if (hmat.empty()) return no_table("HMAT");
  return each_hmat(hmat, [&](uint16_t type, Bytes b) {
    size_t wanted = b.size();
    if (type == 0) wanted = 40;
    if (type == 1) {
      constexpr size_t kFixed = 32;
      if (b.size() < kFixed) return Verdict::fail("a latency structure of {} bytes", b.size());
      const size_t initiators = loader::field<uint32_t>(b, 12);
      const size_t targets = loader::field<uint32_t>(b, 16);
      wanted = kFixed + 4 * (initiators + targets) + 2 * initiators * targets;
    }
    if (type == 2) wanted = b.size() < 32 ? 32 : 32 + 2 * size_t{loader::field<uint16_t>(b, 30)};
    if (type > 2) return Verdict::fail("a structure of type {}", type);
    if (b.size() == wanted) return Verdict::pass();
    return Verdict::fail("a structure of type {} has {} bytes, should have {}", type, b.size(),
                         wanted);
  });
}

Verdict check_hmat_domains(const TableFacts& machine) {
  const Bytes hmat = machine.table("HMAT");
  const Bytes srat = machine.table("SRAT");
  if (hmat.empty()) return no_table("HMAT");
  if (srat.size() < loader::kSratFirst) return no_table("SRAT");
  Sorted domains(machine.scratch);
  const auto sorted = sort_domains(srat, domains);
  const auto in_srat = [&](uint32_t domain) {
    return std::binary_search(sorted.begin(), sorted.end(), domain);
  };
  Verdict found = Verdict::pass();
  (void)each_hmat(hmat, [&](uint16_t type, Bytes b) {
    if (type != 0 || b.size() < 40) return Verdict::pass();
    constexpr uint16_t kInitiatorValid = 1;
    const auto initiator = loader::field<uint32_t>(b, 12);
    const auto memory = loader::field<uint32_t>(b, 16);
    if (!in_srat(memory)) {
      found = Verdict::fail("memory domain {} is not in the SRAT", memory);
    } else if ((loader::field<uint16_t>(b, 8) & kInitiatorValid) != 0 && !in_srat(initiator)) {
      found = Verdict::fail("initiator domain {} is not in the SRAT", initiator);
    }
    return found;
  });
  if (found.passed()) return found;
  const Verdict seen = domains.all_seen("domains");
  return seen.passed() ? found : seen;
}

constexpr TableTest kTests[] = {
    {{"acpi.hmat.form", "the HMAT's structures have the lengths they should", Severity::Low,
      "ACPI 6.5 section 5.2.28", "Bandwidth and latency of nodes stay unknown. Firmware vendor."},
     check_hmat_form},
    {{"acpi.hmat.domains", "the HMAT's domains are in the SRAT", Severity::Low,
      "ACPI 6.5 section 5.2.28.3", "An OS ignores what is said of them. Firmware vendor."},
     check_hmat_domains},
};

}  // namespace

std::span<const TableTest> hmat_tests() { return kTests; }

}  // namespace kernel
