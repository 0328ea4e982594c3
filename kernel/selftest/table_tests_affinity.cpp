#include "kernel/selftest/table_tests_affinity.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "loader/acpi/madt.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace {

using loader::Facts;
using loader::Outcome;
using enum loader::Outcome;
using Bytes = std::span<const uint8_t>;

// --- MADT ----------------------------------------------------------------------------------------

constexpr uint32_t kEnabled = 1, kOnlineCapable = 2;

// Calls visit(cpu) for each CPU of the MADT that is there, until it returns Fail.
template <class Visit>
Outcome each_cpu(Bytes madt, Visit visit) {
  loader::MadtEntries entries(madt);
  while (const auto entry = entries.next()) {
    if (entry->cpu.enabled && visit(entry->cpu) == Fail) return Fail;
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

bool whole(const loader::AcpiEntry& entry) {
  return srat_length(entry.type) != 0 && entry.bytes.size() >= srat_length(entry.type);
}

struct Memory {
  uint32_t domain = 0;
  mm::Range range;
  bool hotplug = false, nonvolatile = false;
};

// Enabled memory with a size.
std::optional<Memory> srat_memory(const loader::AcpiEntry& entry) {
  if (entry.type != kMemory || !whole(entry)) return {};
  const auto flags = loader::field<uint32_t>(entry.bytes, 28);
  const auto start = loader::field<uint64_t>(entry.bytes, 8);
  const auto size = loader::field<uint64_t>(entry.bytes, 16);
  if ((flags & kEnabled) == 0 || size == 0) return {};
  return Memory{loader::field<uint32_t>(entry.bytes, 2),
                {mm::Phys{start}, mm::Phys{start + size}},
                (flags & 2) != 0,
                (flags & 4) != 0};
}

struct CpuNode {
  uint32_t apic_id = 0, domain = 0;
};
std::optional<CpuNode> srat_cpu(const loader::AcpiEntry& entry) {
  if (!whole(entry)) return {};
  const Bytes b = entry.bytes;
  if (entry.type == kCpu && (b[4] & kEnabled) != 0) {
    return CpuNode{b[3],
                   b[2] | uint32_t{b[9]} << 8 | uint32_t{b[10]} << 16 | uint32_t{b[11]} << 24};
  }
  if (entry.type == kX2apic && (b[12] & kEnabled) != 0) {
    return CpuNode{loader::field<uint32_t>(b, 8), loader::field<uint32_t>(b, 4)};
  }
  return {};
}

template <class Visit>
Outcome each_memory(Bytes srat, Visit visit) {
  loader::AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    const auto memory = srat_memory(*entry);
    if (memory && visit(*memory) == Fail) return Fail;
  }
  return Pass;
}

template <class Visit>
Outcome each_cpu_node(Bytes srat, Visit visit) {
  loader::AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    const auto cpu = srat_cpu(*entry);
    if (cpu && visit(*cpu) == Fail) return Fail;
  }
  return Pass;
}

// Numbers that a table lists, sorted, so that each is compared with its neighbours only.
class Sorted {
 public:
  explicit Sorted(std::span<uint64_t> room) : room_(room) {}
  void add(uint64_t number) {
    if (count_ < room_.size()) {
      room_[count_++] = number;
    } else {
      ++left_out_;
    }
  }
  template <class Less = std::less<>>
  std::span<const uint64_t> sort(Less less = {}) {
    std::sort(room_.begin(), room_.begin() + static_cast<ptrdiff_t>(count_), less);
    return room_.first(count_);
  }
  // There is more than was looked at; that is a finding of its own.
  [[nodiscard]] bool too_many(Facts& facts, const char* what) const {
    if (left_out_ == 0) return false;
    return fail(facts, "{} {} behind the first {} are not looked at", left_out_, what, count_) ==
           Fail;
  }

 private:
  std::span<uint64_t> room_;
  size_t count_ = 0, left_out_ = 0;
};

// A table's memory by start: offsets of its entries, and the entries there.
Memory memory_at(Bytes srat, uint64_t offset) {
  const loader::AcpiEntry entry{srat[offset], srat.subspan(offset, srat[offset + 1])};
  return srat_memory(entry).value_or(Memory{});
}
std::span<const uint64_t> sort_memory(Bytes srat, Sorted& offsets) {
  loader::AcpiEntries entries(srat, kSratFirst);
  size_t at = kSratFirst;
  while (const auto entry = entries.next()) {
    if (srat_memory(*entry)) offsets.add(at);
    at += entry->bytes.size();
  }
  return offsets.sort([&](uint64_t a, uint64_t b) {
    return memory_at(srat, a).range.start < memory_at(srat, b).range.start;
  });
}

Outcome no_table(Facts& facts, const char* name) {
  return loader::skip(facts, "this machine has no {}", name);
}

Outcome check_entries(Bytes table, size_t first, size_t (*length)(uint8_t), Facts& facts) {
  if (table.size() < first) return fail(facts, "{} bytes, shorter than its header", table.size());
  loader::AcpiEntries entries(table, first);
  size_t at = first;
  while (const auto entry = entries.next()) {
    const size_t wanted = length(entry->type);
    if (wanted != 0 && entry->bytes.size() != wanted) {
      return fail(facts, "entry of type {} at offset {} has {} bytes, should have {}", entry->type,
                  at, entry->bytes.size(), wanted);
    }
    at += entry->bytes.size();
  }
  if (!entries.fault().ok()) {
    return fail(facts, "the entry at offset {} has a length of {}", entries.fault().error().a,
                entries.fault().error().b);
  }
  return Pass;
}

}  // namespace

Outcome check_madt_form(const TableFacts& machine, Facts& facts) {
  const Bytes madt = machine.table("APIC");
  if (madt.empty()) return fail(facts, "there is no MADT");
  return check_entries(madt, loader::kMadtFirst, loader::madt_length, facts);
}

Outcome check_madt_cpus(const TableFacts& machine, Facts& facts) {
  const Bytes madt = machine.table("APIC");
  if (madt.size() < loader::kMadtFirst) return no_table(facts, "MADT");
  bool boot_cpu = false;
  size_t index = 0;
  Sorted ids(machine.scratch);
  (void)each_cpu(madt, [&](const loader::MadtCpu& cpu) {
    boot_cpu = boot_cpu || cpu.apic_id == machine.boot_apic_id;
    ids.add(cpu.apic_id);
    ++index;
    return Pass;
  });
  const auto sorted = ids.sort();
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) return fail(facts, "APIC id {:#x} is there twice", *twice);
  if (ids.too_many(facts, "CPUs")) return Fail;
  if (!boot_cpu) {
    return fail(facts, "the CPU that runs this, APIC id {:#x}, is not among its {}",
                machine.boot_apic_id, index);
  }
  return Pass;
}

Outcome check_madt_addresses(const TableFacts& machine, Facts& facts) {
  const Bytes madt = machine.table("APIC");
  if (madt.size() < loader::kMadtFirst) return no_table(facts, "MADT");
  const auto check = [&](const char* what, uint64_t address) {
    if (address == 0 || address >= machine.end.v) {
      return fail(facts, "{} at {:#x}, where nothing can be", what, address);
    }
    const mm::E820Entry* const entry = machine.e820->find(mm::Phys{address});
    if (entry == nullptr || entry->type != mm::E820Type::Ram) return Pass;
    return fail(facts, "{} at {:#x}, which is usable memory", what, address);
  };
  // What is cut acpi.madt.form speaks of.
  loader::MadtEntries entries(madt);
  while (const auto entry = entries.next()) {
    using Kind = loader::MadtEntry::Kind;
    if (entry->kind == Kind::IoApic && check("an I/O APIC is", entry->address) == Fail) return Fail;
    if (entry->kind == Kind::LocalApic && check("the local APICs are", entry->address) == Fail) {
      return Fail;
    }
  }
  return Pass;
}

Outcome check_madt_x2apic(const TableFacts& machine, Facts& facts) {
  const Bytes madt = machine.table("APIC");
  if (madt.size() < loader::kMadtFirst) return no_table(facts, "MADT");
  return each_cpu(madt, [&](const loader::MadtCpu& cpu) {
    if (!cpu.x2apic || cpu.apic_id >= 255) return Pass;
    return fail(facts, "APIC id {:#x} has an x2APIC entry", cpu.apic_id);
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
  loader::AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    if (!whole(*entry)) continue;
    uint32_t reserved = 0;
    switch (entry->type) {
      case kCpu:
        reserved = loader::field<uint32_t>(entry->bytes, 4) & ~1U;
        break;
      case kMemory:
        reserved = loader::field<uint32_t>(entry->bytes, 28) & ~7U;
        break;
      case kX2apic:
        reserved = loader::field<uint32_t>(entry->bytes, 12) & ~1U;
        break;
      case kInitiator:
        reserved = loader::field<uint32_t>(entry->bytes, 24) & ~3U;
        break;
      default:
        break;
    }
    if (reserved != 0) {
      return fail(facts, "an entry of type {} has reserved flags {:#x}", entry->type, reserved);
    }
  }
  return Pass;
}

Outcome check_srat_overlap(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  Sorted offsets(machine.scratch);
  // Of what comes before, that which reaches farthest, and that of another domain than it.
  Memory far;
  Memory other;
  for (const uint64_t offset : sort_memory(srat, offsets)) {
    const Memory m = memory_at(srat, offset);
    // A window for more memory around what is there already is the same domain's.
    const Memory& before = far.domain != m.domain ? far : other;
    if (before.range.overlaps(m.range)) {
      return fail(facts, "{} of domain {} and {} of {}", before.range, before.domain, m.range,
                  m.domain);
    }
    if (m.range.end > far.range.end) {
      if (m.domain != far.domain) other = far;
      far = m;
    } else if (m.domain != far.domain && m.range.end > other.range.end) {
      other = m;
    }
  }
  return offsets.too_many(facts, "ranges") ? Fail : Pass;
}

Outcome check_srat_order(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  mm::Phys before{};
  Facts found;
  const Outcome outcome = each_memory(srat, [&](const Memory& m) {
    if (m.range.start < before) {
      return fail(found, "{} (domain {}) stands behind {}; no rule is broken", m.range.start,
                  m.domain, before);
    }
    before = m.range.start;
    return Pass;
  });
  return outcome == Pass ? Pass : loader::skip(facts, "{}", found.text());
}

Outcome check_srat_backed(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  return each_memory(srat, [&](const Memory& m) {
    if (m.hotplug || m.nonvolatile) return Pass;
    const auto entries = machine.e820->entries();
    const auto next = std::partition_point(
        entries.begin(), entries.end(),
        [&](const mm::E820Entry& entry) { return entry.range.end <= m.range.start; });
    if (next != entries.end() && next->range.overlaps(m.range)) return Pass;
    // The BIOS area's hole belongs to no entry.
    if (m.range.end.v <= mm::kMiB) return Pass;
    return fail(facts, "domain {} has {}, of which the memory map knows nothing", m.domain,
                m.range);
  });
}

Outcome check_srat_coverage(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  Sorted offsets(machine.scratch);
  const auto sorted = sort_memory(srat, offsets);
  size_t next = 0;
  mm::Phys reached;  // by what begins at or below
  for (const mm::E820Entry& entry : machine.e820->entries()) {
    if (entry.type != mm::E820Type::Ram) continue;
    for (mm::Phys at = entry.range.start; at < entry.range.end; at = reached) {
      for (; next < sorted.size(); ++next) {
        const Memory m = memory_at(srat, sorted[next]);
        if (m.range.start > at) break;
        reached = std::max(reached, m.range.end);
      }
      if (reached > at) continue;
      if (offsets.too_many(facts, "ranges")) return Fail;
      return fail(facts, "RAM at {} (of {}) is in no domain", at, entry.range);
    }
  }
  return Pass;
}

Outcome check_srat_cpus(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  const Bytes madt = machine.table("APIC");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  if (madt.size() < loader::kMadtFirst) return no_table(facts, "MADT");
  Sorted ids(machine.scratch);
  (void)each_cpu_node(srat, [&](const CpuNode& node) {
    ids.add(node.apic_id);
    return Pass;
  });
  const auto sorted = ids.sort();
  return each_cpu(madt, [&](const loader::MadtCpu& cpu) {
    if (std::binary_search(sorted.begin(), sorted.end(), cpu.apic_id)) return Pass;
    if (ids.too_many(facts, "CPUs")) return Fail;
    return fail(facts, "the CPU with APIC id {:#x} is in no domain", cpu.apic_id);
  });
}

Outcome check_srat_apic_ids(const TableFacts& machine, Facts& facts) {
  const Bytes srat = machine.table("SRAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  Sorted ids(machine.scratch);
  (void)each_cpu_node(srat, [&](const CpuNode& node) {
    ids.add(uint64_t{node.apic_id} << 32 | node.domain);
    return Pass;
  });
  const auto sorted = ids.sort();
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end(),
                                        [](uint64_t a, uint64_t b) { return a >> 32 == b >> 32; });
  if (twice != sorted.end()) {
    return fail(facts, "APIC id {:#x} is in domain {} and in {}", twice[0] >> 32,
                static_cast<uint32_t>(twice[0]), static_cast<uint32_t>(twice[1]));
  }
  return ids.too_many(facts, "CPUs") ? Fail : Pass;
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
  const auto count = loader::field<uint64_t>(slit, 36);
  const size_t room = slit.size() - kSlitFirst;
  if (count == 0 || count > room || count * count > room) return {};
  return Slit{count, slit.subspan(kSlitFirst, count * count)};
}

Outcome no_slit(Facts& facts) { return loader::skip(facts, "no SLIT that can be read"); }

}  // namespace

Outcome check_slit_size(const TableFacts& machine, Facts& facts) {
  const Bytes slit = machine.table("SLIT");
  if (slit.empty()) return no_table(facts, "SLIT: all distances are the default ones");
  if (slit.size() < kSlitFirst) return fail(facts, "{} bytes", slit.size());
  const auto count = loader::field<uint64_t>(slit, 36);
  const size_t room = slit.size() - kSlitFirst;
  if (count == 0 || count > room || count * count != room) {
    return fail(facts, "{} localities and {} distances", count, room);
  }
  return Pass;
}

Outcome check_slit_diagonal(const TableFacts& machine, Facts& facts) {
  const auto slit = whole_slit(machine);
  if (!slit) return no_slit(facts);
  for (uint64_t i = 0; i < slit->count; ++i) {
    if (slit->at(i, i) != 10) {
      return fail(facts, "from {} to itself it is {}", i, slit->at(i, i));
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
      return fail(facts, "from {} to {} it is {}", i, j, slit->at(i, j));
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
      return loader::skip(facts, "from {} to {} it is {}, back {}; no rule is broken", i, j,
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
    return fail(facts, "domain {} is in the SRAT, the SLIT has {}", domain, slit->count);
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
  if (hmat.size() < kHmatFirst) return fail(facts, "{} bytes", hmat.size());
  for (size_t at = kHmatFirst; at < hmat.size();) {
    const size_t left = hmat.size() - at;
    const uint32_t length = left >= 8 ? loader::field<uint32_t>(hmat, at + 4) : 0;
    if (length < 8 || length > left) {
      return fail(facts, "the structure at offset {} has a length of {}", at, length);
    }
    if (visit(loader::field<uint16_t>(hmat, at), hmat.subspan(at, length)) == Fail) return Fail;
    at += length;
  }
  return Pass;
}

// Every domain that the SRAT names.
std::span<const uint64_t> sort_domains(Bytes srat, Sorted& domains) {
  loader::AcpiEntries entries(srat, kSratFirst);
  while (const auto entry = entries.next()) {
    if (entry->type == kInitiator && whole(*entry))
      domains.add(loader::field<uint32_t>(entry->bytes, 4));
    if (const auto cpu = srat_cpu(*entry)) domains.add(cpu->domain);
    if (const auto memory = srat_memory(*entry)) domains.add(memory->domain);
  }
  return domains.sort();
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
      if (b.size() < kFixed) return fail(facts, "a latency structure of {} bytes", b.size());
      const size_t initiators = loader::field<uint32_t>(b, 12);
      const size_t targets = loader::field<uint32_t>(b, 16);
      wanted = kFixed + 4 * (initiators + targets) + 2 * initiators * targets;
    }
    if (type == 2) wanted = b.size() < 32 ? 32 : 32 + 2 * size_t{loader::field<uint16_t>(b, 30)};
    if (type > 2) return fail(facts, "a structure of type {}", type);
    if (b.size() == wanted) return Pass;
    return fail(facts, "a structure of type {} has {} bytes, should have {}", type, b.size(),
                wanted);
  });
}

Outcome check_hmat_domains(const TableFacts& machine, Facts& facts) {
  const Bytes hmat = machine.table("HMAT");
  const Bytes srat = machine.table("SRAT");
  if (hmat.empty()) return no_table(facts, "HMAT");
  if (srat.size() < kSratFirst) return no_table(facts, "SRAT");
  Sorted domains(machine.scratch);
  const auto sorted = sort_domains(srat, domains);
  const auto in_srat = [&](uint32_t domain) {
    return std::binary_search(sorted.begin(), sorted.end(), domain);
  };
  Facts form;
  Facts found;
  (void)each_hmat(hmat, form, [&](uint16_t type, Bytes b) {
    if (type != 0 || b.size() < 40) return Pass;
    constexpr uint16_t kInitiatorValid = 1;
    const auto initiator = loader::field<uint32_t>(b, 12);
    const auto memory = loader::field<uint32_t>(b, 16);
    if (!in_srat(memory)) return fail(found, "memory domain {} is not in the SRAT", memory);
    if ((loader::field<uint16_t>(b, 8) & kInitiatorValid) != 0 && !in_srat(initiator)) {
      return fail(found, "initiator domain {} is not in the SRAT", initiator);
    }
    return Pass;
  });
  Facts cut;
  if (!found.empty() && domains.too_many(cut, "domains")) return fail(facts, "{}", cut.text());
  if (!found.empty()) return fail(facts, "{}", found.text());
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
    const size_t length = left >= 4 ? loader::field<uint16_t>(cedt, at + 2) : 0;
    if (length < 4 || length > left) {
      return fail(facts, "the structure at offset {} has a length of {}", at, length);
    }
    if (visit(cedt[at], cedt.subspan(at, length)) == Fail) return Fail;
    at += length;
  }
  return Pass;
}

// A fixed memory window (type 1) that is whole.
std::optional<mm::Range> window(uint8_t type, Bytes b) {
  if (type != 1 || b.size() < 36) return {};
  const auto start = loader::field<uint64_t>(b, 8);
  return mm::Range{mm::Phys{start}, mm::Phys{start + loader::field<uint64_t>(b, 16)}};
}

}  // namespace

Outcome check_cedt_form(const TableFacts& machine, Facts& facts) {
  const Bytes cedt = machine.table("CEDT");
  if (cedt.empty()) return no_table(facts, "CEDT");
  return each_cedt(cedt, facts, [&](uint8_t type, Bytes b) {
    constexpr size_t kLeast[] = {32, 36, 8, 16};
    if (type < std::size(kLeast) && b.size() < kLeast[type]) {
      return fail(facts, "a structure of type {} has {} bytes", type, b.size());
    }
    const auto range = window(type, b);
    if (!range) return Pass;
    if (range->empty() || range->start.v % kWindowUnit != 0 || range->size() % kWindowUnit != 0) {
      return fail(facts, "the window [{}-{}) is not in units of 256 MiB", range->start, range->end);
    }
    return Pass;
  });
}

Outcome check_cedt_windows(const TableFacts& machine, Facts& facts) {
  const Bytes cedt = machine.table("CEDT");
  if (cedt.empty()) return no_table(facts, "CEDT");
  Facts form;
  Sorted offsets(machine.scratch);
  (void)each_cedt(cedt, form, [&](uint8_t type, Bytes b) {
    const auto range = window(type, b);
    if (range && !range->empty()) offsets.add(static_cast<uint64_t>(b.data() - cedt.data()));
    return Pass;
  });
  const auto window_at = [&](uint64_t offset) {
    return window(cedt[offset], cedt.subspan(offset, loader::field<uint16_t>(cedt, offset + 2)))
        .value_or(mm::Range{});
  };
  mm::Range before;  // what reaches farthest
  for (const uint64_t offset : offsets.sort(
           [&](uint64_t a, uint64_t b) { return window_at(a).start < window_at(b).start; })) {
    const mm::Range range = window_at(offset);
    if (before.overlaps(range)) {
      return fail(facts, "{} and {}", before, range);
    }
    before = range;
  }
  if (offsets.too_many(facts, "windows")) return Fail;
  return Pass;
}

}  // namespace kernel
