// CEDT: windows for CXL memory (CXL 3.0 section 9.17.1).
#include <optional>

#include "kernel/selftest/table_entries.h"
#include "kernel/selftest/table_tests.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace {

using loader::Severity;
using loader::Verdict;
using Bytes = std::span<const uint8_t>;

constexpr size_t kCedtFirst = 36;
constexpr uint64_t kWindowUnit = 256 * mm::kMiB;

template <class Visit>
Verdict each_cedt(Bytes cedt, Visit visit) {
  for (size_t at = kCedtFirst; at < cedt.size();) {
    const size_t left = cedt.size() - at;
    const size_t length = left >= 4 ? loader::field<uint16_t>(cedt, at + 2) : 0;
    if (length < 4 || length > left) {
      return Verdict::fail("the structure at offset {} has a length of {}", at, length);
    }
    const Verdict v = visit(cedt[at], cedt.subspan(at, length));
    if (v.failed()) return v;
    at += length;
  }
  return Verdict::pass();
}

// A fixed memory window (type 1) that is whole.
std::optional<mm::Range> window(uint8_t type, Bytes b) {
  if (type != 1 || b.size() < 36) return {};
  const auto start = loader::field<uint64_t>(b, 8);
  return mm::Range{mm::Phys{start}, mm::Phys{start + loader::field<uint64_t>(b, 16)}};
}

Verdict check_cedt_form(const TableFacts& machine) {
  const Bytes cedt = machine.table("CEDT");
  if (cedt.empty()) return no_table("CEDT");
  return each_cedt(cedt, [&](uint8_t type, Bytes b) {
    constexpr size_t kLeast[] = {32, 36, 8, 16};
    if (type < std::size(kLeast) && b.size() < kLeast[type]) {
      return Verdict::fail("a structure of type {} has {} bytes", type, b.size());
    }
    const auto range = window(type, b);
    if (!range) return Verdict::pass();
    if (range->empty() || range->start.v % kWindowUnit != 0 || range->size() % kWindowUnit != 0) {
      return Verdict::fail("the window [{}-{}) is not in units of 256 MiB", range->start,
                           range->end);
    }
    return Verdict::pass();
  });
}

Verdict check_cedt_windows(const TableFacts& machine) {
  const Bytes cedt = machine.table("CEDT");
  if (cedt.empty()) return no_table("CEDT");
  Sorted offsets(machine.scratch);
  (void)each_cedt(cedt, [&](uint8_t type, Bytes b) {
    const auto range = window(type, b);
    if (range && !range->empty()) offsets.add(static_cast<uint64_t>(b.data() - cedt.data()));
    return Verdict::pass();
  });
  const auto window_at = [&](uint64_t listed) {
    const auto offset = static_cast<size_t>(listed);
    return window(cedt[offset], cedt.subspan(offset, loader::field<uint16_t>(cedt, offset + 2)))
        .value_or(mm::Range{});
  };
  mm::Range before;  // what reaches farthest
  for (const uint64_t offset : offsets.sort(
           [&](uint64_t a, uint64_t b) { return window_at(a).start < window_at(b).start; })) {
    const mm::Range range = window_at(offset);
    if (before.overlaps(range)) {
      return Verdict::fail("{} and {}", before, range);
    }
    before = range;
  }
  return offsets.all_seen("windows");
}

constexpr TableTest kTests[] = {
    {{"acpi.cedt.form", "the CEDT's windows come in units of 256 MiB", Severity::Medium,
      "CXL 3.0 section 9.17.1.3", "CXL memory cannot be used. Firmware vendor."},
     check_cedt_form},
    {{"acpi.cedt.windows", "CXL windows do not overlap", Severity::High, "CXL 3.0 section 9.17.1.3",
      "Two devices answer one address. Firmware vendor."},
     check_cedt_windows},
};

}  // namespace

std::span<const TableTest> cedt_tests() { return kTests; }

}  // namespace kernel
