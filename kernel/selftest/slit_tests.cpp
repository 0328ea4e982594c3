// SLIT: distances (ACPI 6.5 section 5.2.17).
#include <optional>

#include "kernel/selftest/table_entries.h"
#include "kernel/selftest/table_tests.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace {

using loader::Severity;
using loader::Verdict;
using Bytes = std::span<const uint8_t>;

constexpr size_t kSlitFirst = 44;

struct Slit {
  uint64_t count = 0;
  Bytes distances;  // count * count of them

  [[nodiscard]] unsigned at(uint64_t from, uint64_t to) const {
    return distances[static_cast<size_t>(from * count + to)];
  }
};

// Nothing where efi.slit.size has something to say, or there is no table.
std::optional<Slit> whole_slit(const TableFacts& machine) {
  const Bytes slit = machine.table("SLIT");
  if (slit.size() < kSlitFirst) return {};
  const auto count = loader::field<uint64_t>(slit, 36);
  const size_t room = slit.size() - kSlitFirst;
  if (count == 0 || count > room || count * count > room) return {};
  return Slit{count, slit.subspan(kSlitFirst, static_cast<size_t>(count * count))};
}

Verdict no_slit() { return Verdict::skip("no SLIT that can be read"); }

Verdict check_slit_size(const TableFacts& machine) {
  const Bytes slit = machine.table("SLIT");
  if (slit.empty()) return no_table("SLIT: all distances are the default ones");
  if (slit.size() < kSlitFirst) return Verdict::fail("{} bytes", slit.size());
  const auto count = loader::field<uint64_t>(slit, 36);
  const size_t room = slit.size() - kSlitFirst;
  if (count == 0 || count > room || count * count != room) {
    return Verdict::fail("{} localities and {} distances", count, room);
  }
  return Verdict::pass();
}

Verdict check_slit_diagonal(const TableFacts& machine) {
  const auto slit = whole_slit(machine);
  if (!slit) return no_slit();
  for (uint64_t i = 0; i < slit->count; ++i) {
    if (slit->at(i, i) != 10) {
      return Verdict::fail("from {} to itself it is {}", i, slit->at(i, i));
    }
  }
  return Verdict::pass();
}

Verdict check_slit_reserved(const TableFacts& machine) {
  const auto slit = whole_slit(machine);
  if (!slit) return no_slit();
  for (uint64_t i = 0; i < slit->count; ++i) {
    for (uint64_t j = 0; j < slit->count; ++j) {
      if (i == j || slit->at(i, j) > 10) continue;
      return Verdict::fail("from {} to {} it is {}", i, j, slit->at(i, j));
    }
  }
  return Verdict::pass();
}

Verdict check_slit_symmetry(const TableFacts& machine) {
  const auto slit = whole_slit(machine);
  if (!slit) return no_slit();
  for (uint64_t i = 0; i < slit->count; ++i) {
    for (uint64_t j = 0; j < i; ++j) {
      if (slit->at(i, j) == slit->at(j, i)) continue;
      return Verdict::skip("from {} to {} it is {}, back {}; no rule is broken", i, j,
                           slit->at(i, j), slit->at(j, i));
    }
  }
  return Verdict::pass();
}

Verdict check_slit_domains(const TableFacts& machine) {
  const auto slit = whole_slit(machine);
  if (!slit) return no_slit();
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < loader::kSratFirst) return no_table("SRAT");
  const auto check = [&](const loader::SratEntry& entry) {
    if (entry.domain < slit->count) return Verdict::pass();
    return Verdict::fail("domain {} is in the SRAT, the SLIT has {}", entry.domain, slit->count);
  };
  const Verdict memory = each_of(loader::SratEntries(srat), places_memory, check);
  if (memory.failed()) return memory;
  return each_of(loader::SratEntries(srat), places_cpu, check);
}

constexpr TableTest kTests[] = {
    {{"acpi.slit.size", "the SLIT is as long as its localities ask for", Severity::Medium,
      "ACPI 6.5 section 5.2.17: N squared distances",
      "An OS ignores it: all nodes count as equally far. Firmware vendor."},
     check_slit_size},
    {{"acpi.slit.diagonal", "the distance to itself is 10", Severity::Medium,
      "ACPI 6.5 section 5.2.17; Linux ignores the table otherwise",
      "All nodes count as equally far. Firmware vendor."},
     check_slit_diagonal},
    {{"acpi.slit.reserved", "distances to others are above 10", Severity::Medium,
      "ACPI 6.5 section 5.2.17: 0 to 9 are reserved, 10 is the distance to itself",
      "Linux ignores the table: all nodes count as equally far. Firmware vendor."},
     check_slit_reserved},
    {{"acpi.slit.symmetry", "distances are the same both ways", Severity::Low,
      "ACPI 6.5 section 5.2.17 allows them to differ",
      "Usually a slip in a table made by hand. Firmware vendor, if it looks wrong."},
     check_slit_symmetry},
    {{"acpi.slit.domains", "the SLIT has a row for each domain of the SRAT", Severity::Medium,
      "ACPI 6.5 section 5.2.17: the number of localities",
      "Distances of some nodes are defaults. Firmware vendor."},
     check_slit_domains},
};

}  // namespace

std::span<const TableTest> slit_tests() { return kTests; }

}  // namespace kernel
