#include "kernel/table_tests_affinity.h"

#include <optional>

#include "kernel/acpi.h"
#include "kernel/acpi_entries.h"

namespace kernel {
namespace {

using loader::Facts;
using loader::Outcome;
using enum loader::Outcome;
using Bytes = std::span<const uint8_t>;

// --- MADT ----------------------------------------------------------------------------------------

constexpr size_t kMadtFirst = 44;
constexpr uint32_t kEnabled = 1, kOnlineCapable = 2;

struct Cpu {
  uint32_t apic_id = 0;
  bool enabled = false, x2apic = false;
};

// Bytes an entry of the type has; 0 where the length is not fixed or the type not known here.
size_t madt_length(uint8_t type) {
  constexpr uint8_t kLengths[] = {8, 12, 10, 8, 6, 12, 16, 0, 16, 16, 12};
  return type < std::size(kLengths) ? kLengths[type] : 0;
}

std::optional<Cpu> madt_cpu(const AcpiEntry& entry) {
  if (madt_length(entry.type) == 0 || entry.bytes.size() < madt_length(entry.type)) return {};
  if (entry.type == 0) return Cpu{entry.bytes[3], (entry.bytes[4] & kEnabled) != 0, false};
  if (entry.type == 9) {
    return Cpu{field<uint32_t>(entry.bytes, 4), (entry.bytes[8] & kEnabled) != 0, true};
  }
  return {};
}

// Calls visit(cpu) for each CPU of the MADT that is there, until it returns Fail.
template <class Visit>
Outcome each_cpu(Bytes madt, Visit visit) {
  AcpiEntries entries(madt, kMadtFirst);
  while (const auto entry = entries.next()) {
    const auto cpu = madt_cpu(*entry);
    if (cpu && cpu->enabled && visit(*cpu) == Fail) return Fail;
  }
  return Pass;
}

// --- SRAT ----------------------------------------------------------------------------------------

constexpr size_t kSratFirst = 48;
enum SratType : uint8_t { kCpu = 0, kMemory = 1, kX2apic = 2, kGicc = 3, kIts = 4, kInitiator = 5 };

size_t srat_length(uint8_t type) {
  constexpr uint8_t kLengths[] = {16, 40, 24, 18, 12, 32, 32};
  return type < std::size(kLengths) ? kLengths[type] : 0;
}

bool whole(const AcpiEntry& entry) {
  return srat_length(entry.type) != 0 && entry.bytes.size() >= srat_length(entry.type);
}

struct Memory {
  uint32_t domain = 0;
  mm::Range range;
  bool hotplug = false, nonvolatile = false;
};

// Enabled memory with a size.
std::optional<Memory> srat_memory(const AcpiEntry& entry) {
  if (entry.type != kMemory || !whole(entry)) return {};
  const auto flags = field<uint32_t>(entry.bytes, 28);
  const auto start = field<uint64_t>(entry.bytes, 8);
  const auto size = field<uint64_t>(entry.bytes, 16);
  if ((flags & kEnabled) == 0 || size == 0) return {};
  return Memory{field<uint32_t>(entry.bytes, 2),
                {mm::Phys{start}, mm::Phys{start + size}},
                (flags & 2) != 0,
                (flags & 4) != 0};
}

struct CpuNode {
  uint32_t apic_id = 0, domain = 0;
};
std::optional<CpuNode> srat_cpu(const AcpiEntry& entry) {
  if (!whole(entry)) return {};
  const Bytes b = entry.bytes;
  if (entry.type == kCpu && (b[4] & kEnabled) != 0) {
    return CpuNode{b[3],
                   b[2] | uint32_t{b[9]} << 8 | uint32_t{b[10]} << 16 | uint32_t{b[11]} << 24};
  }
  if (entry.type == kX2apic && (b[12] & kEnabled) != 0) {
    return CpuNode{field<uint32_t>(b, 8), field<uint32_t>(b, 4)};
  }
  return {};
}

template <class Visit>
Outcome each_memory(Bytes srat, Visit visit) {
  AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    const auto memory = srat_memory(*entry);
    if (memory && visit(*memory) == Fail) return Fail;
  }
  return Pass;
}

template <class Visit>
Outcome each_cpu_node(Bytes srat, Visit visit) {
  AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    const auto cpu = srat_cpu(*entry);
    if (cpu && visit(*cpu) == Fail) return Fail;
  }
  return Pass;
}

Outcome no_table(Facts& facts, const char* name) {
  return loader::skip(facts, "this machine has no %s", name);
}

Outcome check_entries(Bytes table, size_t first, size_t (*length)(uint8_t), Facts& facts) {
  if (table.size() < first) return fail(facts, "%zu bytes, shorter than its header", table.size());
  AcpiEntries entries(table, first);
  size_t at = first;
  while (const auto entry = entries.next()) {
    const size_t wanted = length(entry->type);
    if (wanted != 0 && entry->bytes.size() != wanted) {
      return fail(facts, "entry of type %u at offset %zu has %zu bytes, should have %zu",
                  entry->type, at, entry->bytes.size(), wanted);
    }
    at += entry->bytes.size();
  }
  if (!entries.fault().ok()) {
    return fail(facts, "the entry at offset %lu has a length of %lu", entries.fault().error().a,
                entries.fault().error().b);
  }
  return Pass;
}

}  // namespace

Outcome check_madt_form(const TableFacts& machine, Facts& facts) {
  const Bytes madt = machine.table("APIC");
  if (madt.empty()) return fail(facts, "there is no MADT");
  return check_entries(madt, kMadtFirst, madt_length, facts);
}

Outcome check_madt_cpus(const TableFacts& machine, Facts& facts) {
  const Bytes madt = machine.table("APIC");
  if (madt.size() < kMadtFirst) return no_table(facts, "MADT");
  bool boot_cpu = false;
  size_t index = 0;
  const Outcome outcome = each_cpu(madt, [&](const Cpu& cpu) {
    boot_cpu = boot_cpu || cpu.apic_id == machine.boot_apic_id;
    size_t earlier = 0;
    const Outcome unique = each_cpu(madt, [&](const Cpu& other) {
      return earlier++ < index && other.apic_id == cpu.apic_id ? Fail : Pass;
    });
    if (unique == Fail) return fail(facts, "APIC id 0x%x is there twice", cpu.apic_id);
    ++index;
    return Pass;
  });
  if (outcome == Fail) return Fail;
  if (!boot_cpu) {
    return fail(facts, "the CPU that runs this, APIC id 0x%x, is not among its %zu",
                machine.boot_apic_id, index);
  }
  return Pass;
}

Outcome check_madt_x2apic(const TableFacts& machine, Facts& facts) {
  const Bytes madt = machine.table("APIC");
  if (madt.size() < kMadtFirst) return no_table(facts, "MADT");
  return each_cpu(madt, [&](const Cpu& cpu) {
    if (!cpu.x2apic || cpu.apic_id >= 255) return Pass;
    return fail(facts, "APIC id 0x%x has an x2APIC entry", cpu.apic_id);
  });
}

Outcome check_srat_form(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.empty()) return no_table(facts, "SRAT: memory is all equally near");
  return check_entries(srat, kSratFirst, srat_length, facts);
}

Outcome check_srat_reserved(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    if (!whole(*entry)) continue;
    uint32_t reserved = 0;
    switch (entry->type) {
      case kCpu:
        reserved = field<uint32_t>(entry->bytes, 4) & ~1U;
        break;
      case kMemory:
        reserved = field<uint32_t>(entry->bytes, 28) & ~7U;
        break;
      case kX2apic:
        reserved = field<uint32_t>(entry->bytes, 12) & ~1U;
        break;
      case kInitiator:
        reserved = field<uint32_t>(entry->bytes, 24) & ~3U;
        break;
      default:
        break;
    }
    if (reserved != 0) {
      return fail(facts, "an entry of type %u has reserved flags 0x%x", entry->type, reserved);
    }
  }
  return Pass;
}

Outcome check_srat_overlap(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  size_t index = 0;
  return each_memory(srat, [&](const Memory& a) {
    size_t earlier = 0;
    const Outcome outcome = each_memory(srat, [&](const Memory& b) {
      if (earlier++ >= index || !a.range.overlaps(b.range)) return Pass;
      // A window for more memory around what is there already is the same domain's.
      if (a.domain == b.domain) return Pass;
      return fail(facts, "[0x%lx-0x%lx) of domain %u and [0x%lx-0x%lx) of %u", b.range.start.v,
                  b.range.end.v, b.domain, a.range.start.v, a.range.end.v, a.domain);
    });
    ++index;
    return outcome;
  });
}

Outcome check_srat_order(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  mm::Phys before{};
  Facts found;
  const Outcome outcome = each_memory(srat, [&](const Memory& m) {
    if (m.range.start < before) {
      return fail(found, "0x%lx (domain %u) stands behind 0x%lx; no rule is broken",
                  m.range.start.v, m.domain, before.v);
    }
    before = m.range.start;
    return Pass;
  });
  return outcome == Pass ? Pass : loader::skip(facts, "%s", found.text());
}

Outcome check_srat_backed(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  return each_memory(srat, [&](const Memory& m) {
    if (m.hotplug || m.nonvolatile) return Pass;
    for (const mm::E820Entry& entry : machine.e820->entries()) {
      if (entry.range.overlaps(m.range)) return Pass;
    }
    // The BIOS area's hole belongs to no entry.
    if (m.range.end.v <= mm::kMiB) return Pass;
    return fail(facts, "domain %u has [0x%lx-0x%lx), of which the memory map knows nothing",
                m.domain, m.range.start.v, m.range.end.v);
  });
}

Outcome check_srat_coverage(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  for (const mm::E820Entry& entry : machine.e820->entries()) {
    if (entry.type != mm::E820Type::Ram) continue;
    mm::Phys at = entry.range.start;
    while (at < entry.range.end) {
      const mm::Phys before = at;
      (void)each_memory(srat, [&](const Memory& m) {
        if (m.range.contains(at)) at = m.range.end;
        return Pass;
      });
      if (at == before) {
        return fail(facts, "RAM at 0x%lx (of [0x%lx-0x%lx)) is in no domain", at.v,
                    entry.range.start.v, entry.range.end.v);
      }
    }
  }
  return Pass;
}

Outcome check_srat_cpus(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  const Bytes madt = machine.table("APIC");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  if (madt.size() < kMadtFirst) return no_table(facts, "MADT");
  return each_cpu(madt, [&](const Cpu& cpu) {
    const Outcome missing = each_cpu_node(
        srat, [&](const CpuNode& node) { return node.apic_id == cpu.apic_id ? Fail : Pass; });
    if (missing == Fail) return Pass;
    return fail(facts, "the CPU with APIC id 0x%x is in no domain", cpu.apic_id);
  });
}

Outcome check_srat_apic_ids(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  size_t index = 0;
  return each_cpu_node(srat, [&](const CpuNode& a) {
    size_t earlier = 0;
    const Outcome outcome = each_cpu_node(srat, [&](const CpuNode& b) {
      if (earlier++ >= index || a.apic_id != b.apic_id) return Pass;
      return fail(facts, "APIC id 0x%x is in domain %u and in %u", a.apic_id, b.domain, a.domain);
    });
    ++index;
    return outcome;
  });
}

// --- SLIT ----------------------------------------------------------------------------------------

namespace {

constexpr size_t kSlitFirst = 44;

struct Slit {
  uint64_t count = 0;
  Bytes distances;  // count * count of them

  [[nodiscard]] unsigned at(uint64_t from, uint64_t to) const {
    return distances[from * count + to];
  }
};

// Nothing where efi.slit.size has something to say, or there is no table.
std::optional<Slit> whole_slit(const TableFacts& machine) {
  const Bytes slit = machine.table("SLIT");
  if (slit.size() < kSlitFirst) return {};
  const auto count = field<uint64_t>(slit, 36);
  const size_t room = slit.size() - kSlitFirst;
  if (count == 0 || count > room || count * count > room) return {};
  return Slit{count, slit.subspan(kSlitFirst, count * count)};
}

Outcome no_slit(Facts& facts) { return loader::skip(facts, "no SLIT that can be read"); }

}  // namespace

Outcome check_slit_size(const TableFacts& machine, Facts& facts) {
  const Bytes slit = machine.table("SLIT");
  if (slit.empty()) return no_table(facts, "SLIT: all distances are the default ones");
  if (slit.size() < kSlitFirst) return fail(facts, "%zu bytes", slit.size());
  const auto count = field<uint64_t>(slit, 36);
  const size_t room = slit.size() - kSlitFirst;
  if (count == 0 || count > room || count * count != room) {
    return fail(facts, "%lu localities and %zu distances", count, room);
  }
  return Pass;
}

Outcome check_slit_diagonal(const TableFacts& machine, Facts& facts) {
  const auto slit = whole_slit(machine);
  if (!slit) return no_slit(facts);
  for (uint64_t i = 0; i < slit->count; ++i) {
    if (slit->at(i, i) != 10) {
      return fail(facts, "from %lu to itself it is %u", i, slit->at(i, i));
    }
  }
  return Pass;
}

Outcome check_slit_reserved(const TableFacts& machine, Facts& facts) {
  const auto slit = whole_slit(machine);
  if (!slit) return no_slit(facts);
  for (uint64_t i = 0; i < slit->count; ++i) {
    for (uint64_t j = 0; j < slit->count; ++j) {
      if (i == j || slit->at(i, j) > 10) continue;
      return fail(facts, "from %lu to %lu it is %u", i, j, slit->at(i, j));
    }
  }
  return Pass;
}

Outcome check_slit_symmetry(const TableFacts& machine, Facts& facts) {
  const auto slit = whole_slit(machine);
  if (!slit) return no_slit(facts);
  for (uint64_t i = 0; i < slit->count; ++i) {
    for (uint64_t j = 0; j < i; ++j) {
      if (slit->at(i, j) == slit->at(j, i)) continue;
      return loader::skip(facts, "from %lu to %lu it is %u, back %u; no rule is broken", i, j,
                          slit->at(i, j), slit->at(j, i));
    }
  }
  return Pass;
}

Outcome check_slit_domains(const TableFacts& machine, Facts& facts) {
  const auto slit = whole_slit(machine);
  if (!slit) return no_slit(facts);
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  const auto check = [&](uint32_t domain) {
    if (domain < slit->count) return Pass;
    return fail(facts, "domain %u is in the SRAT, the SLIT has %lu", domain, slit->count);
  };
  if (each_memory(srat, [&](const Memory& m) { return check(m.domain); }) == Fail) return Fail;
  return each_cpu_node(srat, [&](const CpuNode& cpu) { return check(cpu.domain); });
}

// --- HMAT ----------------------------------------------------------------------------------------

namespace {

constexpr size_t kHmatFirst = 40;

// Calls visit(type, bytes) for each structure, until it returns Fail; faults of form are told.
template <class Visit>
Outcome each_hmat(Bytes hmat, Facts& facts, Visit visit) {
  if (hmat.size() < kHmatFirst) return fail(facts, "%zu bytes", hmat.size());
  for (size_t at = kHmatFirst; at < hmat.size();) {
    const size_t left = hmat.size() - at;
    const uint32_t length = left >= 8 ? field<uint32_t>(hmat, at + 4) : 0;
    if (length < 8 || length > left) {
      return fail(facts, "the structure at offset %zu has a length of %u", at, length);
    }
    if (visit(field<uint16_t>(hmat, at), hmat.subspan(at, length)) == Fail) return Fail;
    at += length;
  }
  return Pass;
}

bool in_srat(Bytes srat, uint32_t domain) {
  const auto found = [&](uint32_t other) { return other == domain ? Fail : Pass; };
  AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    if (entry->type == kInitiator && whole(*entry) &&
        found(field<uint32_t>(entry->bytes, 4)) == Fail) {
      return true;
    }
    const auto cpu = srat_cpu(*entry);
    const auto memory = srat_memory(*entry);
    if ((cpu && found(cpu->domain) == Fail) || (memory && found(memory->domain) == Fail)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Outcome check_hmat_form(const TableFacts& machine, Facts& facts) {
  const Bytes hmat = machine.table("HMAT");
  if (hmat.empty()) return no_table(facts, "HMAT");
  return each_hmat(hmat, facts, [&](uint16_t type, Bytes b) {
    size_t wanted = b.size();
    if (type == 0) wanted = 40;
    if (type == 1) {
      constexpr size_t kFixed = 32;
      if (b.size() < kFixed) return fail(facts, "a latency structure of %zu bytes", b.size());
      const size_t initiators = field<uint32_t>(b, 12);
      const size_t targets = field<uint32_t>(b, 16);
      wanted = kFixed + 4 * (initiators + targets) + 2 * initiators * targets;
    }
    if (type == 2) wanted = b.size() < 32 ? 32 : 32 + 2 * size_t{field<uint16_t>(b, 30)};
    if (type > 2) return fail(facts, "a structure of type %u", type);
    if (b.size() == wanted) return Pass;
    return fail(facts, "a structure of type %u has %zu bytes, should have %zu", type, b.size(),
                wanted);
  });
}

Outcome check_hmat_domains(const TableFacts& machine, Facts& facts) {
  const Bytes hmat = machine.table("HMAT");
  const Bytes srat = machine.table("SRAT");
  if (hmat.empty()) return no_table(facts, "HMAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  Facts form;
  Facts found;
  (void)each_hmat(hmat, form, [&](uint16_t type, Bytes b) {
    if (type != 0 || b.size() < 40) return Pass;
    constexpr uint16_t kInitiatorValid = 1;
    const auto initiator = field<uint32_t>(b, 12);
    const auto memory = field<uint32_t>(b, 16);
    if (!in_srat(srat, memory)) return fail(found, "memory domain %u is not in the SRAT", memory);
    if ((field<uint16_t>(b, 8) & kInitiatorValid) != 0 && !in_srat(srat, initiator)) {
      return fail(found, "initiator domain %u is not in the SRAT", initiator);
    }
    return Pass;
  });
  if (!found.empty()) return fail(facts, "%s", found.text());
  return Pass;
}

// --- CEDT ----------------------------------------------------------------------------------------

namespace {

constexpr size_t kCedtFirst = 36;
constexpr uint64_t kWindowUnit = 256 * mm::kMiB;

template <class Visit>
Outcome each_cedt(Bytes cedt, Facts& facts, Visit visit) {
  for (size_t at = kCedtFirst; at < cedt.size();) {
    const size_t left = cedt.size() - at;
    const size_t length = left >= 4 ? field<uint16_t>(cedt, at + 2) : 0;
    if (length < 4 || length > left) {
      return fail(facts, "the structure at offset %zu has a length of %zu", at, length);
    }
    if (visit(cedt[at], cedt.subspan(at, length)) == Fail) return Fail;
    at += length;
  }
  return Pass;
}

// A fixed memory window (type 1) that is whole.
std::optional<mm::Range> window(uint8_t type, Bytes b) {
  if (type != 1 || b.size() < 36) return {};
  const auto start = field<uint64_t>(b, 8);
  return mm::Range{mm::Phys{start}, mm::Phys{start + field<uint64_t>(b, 16)}};
}

}  // namespace

Outcome check_cedt_form(const TableFacts& machine, Facts& facts) {
  const Bytes cedt = machine.table("CEDT");
  if (cedt.empty()) return no_table(facts, "CEDT");
  return each_cedt(cedt, facts, [&](uint8_t type, Bytes b) {
    constexpr size_t kLeast[] = {32, 36, 8, 16};
    if (type < std::size(kLeast) && b.size() < kLeast[type]) {
      return fail(facts, "a structure of type %u has %zu bytes", type, b.size());
    }
    const auto range = window(type, b);
    if (!range) return Pass;
    if (range->empty() || range->start.v % kWindowUnit != 0 || range->size() % kWindowUnit != 0) {
      return fail(facts, "the window [0x%lx-0x%lx) is not in units of 256 MiB", range->start.v,
                  range->end.v);
    }
    return Pass;
  });
}

Outcome check_cedt_windows(const TableFacts& machine, Facts& facts) {
  const Bytes cedt = machine.table("CEDT");
  if (cedt.empty()) return no_table(facts, "CEDT");
  Facts form;
  Facts found;
  size_t index = 0;
  (void)each_cedt(cedt, form, [&](uint8_t type, Bytes b) {
    const auto range = window(type, b);
    if (!range) return Pass;
    size_t earlier = 0;
    const Outcome outcome = each_cedt(cedt, form, [&](uint8_t other_type, Bytes other) {
      const auto before = window(other_type, other);
      if (!before || earlier++ >= index || !before->overlaps(*range)) return Pass;
      return fail(found, "[0x%lx-0x%lx) and [0x%lx-0x%lx)", before->start.v, before->end.v,
                  range->start.v, range->end.v);
    });
    ++index;
    return outcome;
  });
  if (!found.empty()) return fail(facts, "%s", found.text());
  return Pass;
}

}  // namespace kernel
