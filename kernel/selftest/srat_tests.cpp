// SRAT: which CPU and which memory are near each other (ACPI 6.5 section 5.2.16).
#include <algorithm>

#include "kernel/selftest/table_entries.h"
#include "kernel/selftest/table_tests.h"

namespace kernel {
namespace {

using loader::kSratFirst;
using loader::Severity;
using loader::SratEntries;
using loader::SratEntry;
using loader::Verdict;
using Bytes = std::span<const uint8_t>;

// A table's memory by start: offsets of its entries, and the entries there.
SratEntry memory_at(Bytes srat, uint64_t listed) {
  return SratEntries(srat, static_cast<size_t>(listed)).next().value_or(SratEntry{});
}
std::span<const uint64_t> sort_memory(Bytes srat, Sorted& offsets) {
  (void)each_of(SratEntries(srat), places_memory, [&](const SratEntry& m) {
    offsets.add(static_cast<uint64_t>(m.raw.bytes.data() - srat.data()));
    return Verdict::pass();
  });
  return offsets.sort([&](uint64_t a, uint64_t b) {
    return memory_at(srat, a).range.start < memory_at(srat, b).range.start;
  });
}

Verdict check_srat_form(const TableFacts& machine) {
  const Bytes srat = machine.table("SRAT");
  if (srat.empty()) return no_table("SRAT: memory is all equally near");
  return check_entries(srat, kSratFirst, loader::srat_length);
}

Verdict check_srat_reserved(const TableFacts& machine) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table("SRAT");
  const auto has_reserved = [](const SratEntry& entry) { return entry.reserved_flags != 0; };
  return each_of(SratEntries(srat), has_reserved, [](const SratEntry& entry) {
    return Verdict::fail("an entry of type {} has reserved flags {:#x}", entry.raw.type,
                         entry.reserved_flags);
  });
}

Verdict check_srat_overlap(const TableFacts& machine) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table("SRAT");
  Sorted offsets(machine.scratch);
  // Of what comes before, that which reaches farthest, and that of another domain than it.
  SratEntry far;
  SratEntry other;
  for (const uint64_t offset : sort_memory(srat, offsets)) {
    const SratEntry m = memory_at(srat, offset);
    // A window for more memory around what is there already is the same domain's.
    const SratEntry& before = far.domain != m.domain ? far : other;
    if (before.range.overlaps(m.range)) {
      return Verdict::fail("{} of domain {} and {} of {}", before.range, before.domain, m.range,
                           m.domain);
    }
    if (m.range.end > far.range.end) {
      if (m.domain != far.domain) other = far;
      far = m;
    } else if (m.domain != far.domain && m.range.end > other.range.end) {
      other = m;
    }
  }
  return offsets.all_seen("ranges");
}

Verdict check_srat_order(const TableFacts& machine) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table("SRAT");
  mm::Phys before{};
  const Verdict verdict = each_of(SratEntries(srat), places_memory, [&](const SratEntry& m) {
    if (m.range.start < before) {
      return Verdict::fail("{} (domain {}) stands behind {}; no rule is broken", m.range.start,
                           m.domain, before);
    }
    before = m.range.start;
    return Verdict::pass();
  });
  return verdict.passed() ? verdict : Verdict::skip("{}", verdict.facts());
}

Verdict check_srat_backed(const TableFacts& machine) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table("SRAT");
  return each_of(SratEntries(srat), places_memory, [&](const SratEntry& m) {
    if (m.hotplug || m.nonvolatile) return Verdict::pass();
    const auto entries = machine.e820->entries();
    const auto next = std::partition_point(
        entries.begin(), entries.end(),
        [&](const mm::E820Entry& entry) { return entry.range.end <= m.range.start; });
    if (next != entries.end() && next->range.overlaps(m.range)) return Verdict::pass();
    // Behind the last RAM there was more, to which page tables do not lead.
    const bool unreached = machine.trims.bytes_of(mm::kUnreachable) != 0;
    if (unreached && m.range.start >= mm::phys(machine.e820->last_pfn())) return Verdict::pass();
    // The BIOS area's hole belongs to no entry.
    if (m.range.end.v <= mm::kMiB) return Verdict::pass();
    return Verdict::fail("domain {} has {}, of which the memory map knows nothing", m.domain,
                         m.range);
  });
}

Verdict check_srat_coverage(const TableFacts& machine) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table("SRAT");
  Sorted offsets(machine.scratch);
  const auto sorted = sort_memory(srat, offsets);
  size_t next = 0;
  mm::Phys reached;  // by what begins at or below
  for (const mm::E820Entry& entry : machine.e820->entries()) {
    if (entry.type != mm::E820Type::Ram) continue;
    for (mm::Phys at = entry.range.start; at < entry.range.end; at = reached) {
      for (; next < sorted.size(); ++next) {
        const SratEntry m = memory_at(srat, sorted[next]);
        if (m.range.start > at) break;
        reached = std::max(reached, m.range.end);
      }
      if (reached > at) continue;
      if (const Verdict v = offsets.all_seen("ranges"); !v.passed()) return v;
      return Verdict::fail("RAM at {} (of {}) is in no domain", at, entry.range);
    }
  }
  return Verdict::pass();
}

Verdict check_srat_cpus(const TableFacts& machine) {
  const Bytes srat = machine.table("SRAT");
  const Bytes madt = machine.table("APIC");
  if (srat.size() < kSratFirst) return no_table("SRAT");
  if (madt.size() < loader::kMadtFirst) return no_table("MADT");
  Sorted ids(machine.scratch);
  (void)each_of(SratEntries(srat), places_cpu, [&](const SratEntry& cpu) {
    ids.add(cpu.apic_id);
    return Verdict::pass();
  });
  const auto sorted = ids.sort();
  return each_of(loader::MadtEntries(madt), is_there, [&](const loader::MadtEntry& entry) {
    const uint32_t apic_id = entry.cpu.srat_id;
    if (std::binary_search(sorted.begin(), sorted.end(), apic_id)) return Verdict::pass();
    if (const Verdict v = ids.all_seen("CPUs"); !v.passed()) return v;
    return Verdict::fail("the CPU with {} {:#x} is in no domain",
                         loader::srat_id_name(entry.cpu.gic), apic_id);
  });
}

Verdict check_srat_apic_ids(const TableFacts& machine) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table("SRAT");
  bool gic = false;
  Sorted ids(machine.scratch);
  (void)each_of(SratEntries(srat), places_cpu, [&](const SratEntry& cpu) {
    gic = gic || cpu.gic;
    ids.add(uint64_t{cpu.apic_id} << 32 | cpu.domain);
    return Verdict::pass();
  });
  const auto sorted = ids.sort();
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end(),
                                        [](uint64_t a, uint64_t b) { return a >> 32 == b >> 32; });
  if (twice != sorted.end()) {
    return Verdict::fail("{} {:#x} is in domain {} and in {}", loader::srat_id_name(gic),
                         twice[0] >> 32, static_cast<uint32_t>(twice[0]),
                         static_cast<uint32_t>(twice[1]));
  }
  return ids.all_seen("CPUs");
}

constexpr TableTest kTests[] = {
    {{"acpi.srat.form", "the SRAT's entries have their types' lengths", Severity::High,
      "ACPI 6.5 section 5.2.16",
      "Linux ignores the whole table: all memory counts as one node. "
      "Firmware vendor."},
     check_srat_form},
    {{"acpi.srat.reserved", "reserved flags are zero", Severity::Low,
      "ACPI 6.5 sections 5.2.16.1 to 5.2.16.6",
      "A later meaning of the bit will be taken for "
      "granted. Firmware vendor."},
     check_srat_reserved},
    {{"acpi.srat.overlap", "no address is in two domains", Severity::High,
      "ACPI 6.5 section 5.2.16.2; Linux ignores the table then",
      "All memory counts as one node, or one node gets another's. Firmware vendor."},
     check_srat_overlap},
    {{"acpi.srat.order", "memory ascends", Severity::Low,
      "No rule asks for it (ACPI 6.5 section 5.2.16); Linux sorts",
      "Simple parsers go wrong; nothing to mend in the firmware."},
     check_srat_order},
    {{"acpi.srat.backed", "the memory map knows the memory the SRAT names", Severity::Medium,
      "ACPI 6.5 section 5.2.16.2: memory that is there, unless hot-pluggable",
      "Nodes look larger than they are, or without RAM. Firmware vendor."},
     check_srat_backed,
     kRamTaken},
    {{"acpi.srat.coverage", "all RAM is in a domain", Severity::High,
      "ACPI 6.5 section 5.2.16.2; Linux ignores the table when 1 MiB and more is in none",
      "All memory counts as one node, or some gets a node by guess. Firmware vendor."},
     check_srat_coverage,
     kRamAdded},
    {{"acpi.srat.cpus", "all CPUs are in a domain", Severity::Medium,
      "ACPI 6.5 sections 5.2.16.1, 5.2.16.3 and 5.2.16.4",
      "An OS guesses the CPU's node, and its memory is far. Firmware vendor."},
     check_srat_cpus},
    {{"acpi.srat.apic-ids", "no CPU is in two domains", Severity::Medium,
      "ACPI 6.5 section 5.2.16.1", "Which of them counts is chance. Firmware vendor."},
     check_srat_apic_ids},
};

}  // namespace

std::span<const TableTest> srat_tests() { return kTests; }

}  // namespace kernel
