#include "loader/acpi/srat.h"

#include <algorithm>
#include <iterator>

#include "loader/acpi/tables.h"

namespace loader {
namespace {

using mm::Error;
using mm::Result;

// Entry types, ACPI 6.5 sections 5.2.16.1, .2, .3, .4 and .6.
enum EntryType : uint8_t { kCpu = 0, kMemory = 1, kX2apic = 2, kGicCpu = 3, kGenericInitiator = 5 };
constexpr size_t kRevision = 8;

SratEntry::Kind kind_of(uint8_t type) {
  using Kind = SratEntry::Kind;
  if (type == kCpu || type == kX2apic || type == kGicCpu) return Kind::Cpu;
  if (type == kMemory) return Kind::Memory;
  return type == kGenericInitiator ? Kind::Initiator : Kind::Other;
}

void set_flags(SratEntry& entry, uint32_t flags) {
  constexpr uint32_t kEnabled = 1, kHotPluggable = 2, kNonVolatile = 4, kTransactions = 2;
  uint32_t known = kEnabled;
  if (entry.kind == SratEntry::Kind::Memory) known |= kHotPluggable | kNonVolatile;
  if (entry.kind == SratEntry::Kind::Initiator) known |= kTransactions;
  entry.enabled = (flags & kEnabled) != 0;
  entry.reserved_flags = flags & ~known;
  if (entry.kind != SratEntry::Kind::Memory) return;
  entry.hotplug = (flags & kHotPluggable) != 0;
  entry.nonvolatile = (flags & kNonVolatile) != 0;
}

// Linux: an xAPIC id of 255 is the broadcast, and ids from 32768 on have no place in its tables.
constexpr uint32_t kMaxXapicId = 254, kMaxLocalApic = 32768;

struct Reader {
  std::span<const uint8_t> table;
  SratStorage storage;
  ProximityMap& domains;
  bool x2apic_mode;
  const mm::Printer& out;

  size_t memory_count = 0, cpu_count = 0;
  size_t memory_left_out = 0, cpus_left_out = 0;
  size_t not_used = 0;  // x2APIC entries told to be of no use
  mm::NodeSet named{};
  bool bad = false;  // Linux's bad_srat(): the rest is not looked at

  void discredit() {
    out.line("ACPI: SRAT: SRAT not used.");
    bad = true;
  }

  // False: there is no room.
  bool add_cpu(uint32_t apic_id, mm::NodeId node) {
    named.set(node);
    if (cpu_count == storage.cpus.size()) {
      ++cpus_left_out;
      return false;
    }
    storage.cpus[cpu_count++] = {apic_id, node};
    return true;
  }
  // Whether one more such entry is told: a line each, for as many as could be CPUs.
  bool tell_not_used() { return not_used++ < storage.cpus.size(); }

  std::optional<mm::NodeId> node_of(uint32_t domain) {
    const auto node = domains.map(domain);
    if (!node) {
      out.line("SRAT: Too many proximity domains {:x}", domain);
      discredit();
    }
    return node;
  }

  void cpu(const SratEntry& entry) {
    const size_t length = entry.raw.bytes.size();
    // Linux takes an x2APIC entry that is longer, and no other.
    if (entry.cut || (!entry.x2apic && length != srat_length(entry.raw.type))) {
      out.line("SRAT: Unexpected header length: {}", length);
      discredit();
      return;
    }
    if (!entry.enabled) return;
    if (entry.x2apic) return x2apic(entry);
    if (entry.gic) return gic(entry);
    const auto node = node_of(entry.domain);
    if (!node) return;
    if (!add_cpu(entry.apic_id, *node)) return;
    out.line("SRAT: PXM {} -> APIC 0x{:02x} -> Node {}", entry.domain, entry.apic_id, *node);
  }

  // Linux: arch/arm64/kernel/acpi_numa.c; a UID that the MADT does not list has no MPIDR.
  void gic(const SratEntry& entry) {
    const auto is = [&](const MadtCpu& cpu) { return cpu.gic && cpu.srat_id == entry.apic_id; };
    const auto cpu = std::find_if(storage.listed.begin(), storage.listed.end(), is);
    const auto node = node_of(entry.domain);
    if (!node) return;
    if (cpu == storage.listed.end()) {
      named.set(*node);
      if (!tell_not_used()) return;
      out.line("ACPI: SRAT: PXM {} -> processor UID {:#x}: not in the MADT", entry.domain,
               entry.apic_id);
      return;
    }
    if (!add_cpu(cpu->apic_id, *node)) return;
    out.line("ACPI: NUMA: SRAT: PXM {} -> MPIDR {:#x} -> Node {}", entry.domain,
             whole_mpidr(cpu->apic_id), *node);
  }

  void x2apic(const SratEntry& entry) {
    const uint32_t domain = entry.domain, apic_id = entry.apic_id;
    if (!x2apic_mode && apic_id > kMaxXapicId) {
      if (tell_not_used()) out.line("SRAT: PXM {} -> X2APIC 0x{:04x} ignored", domain, apic_id);
      return;
    }
    const auto node = node_of(domain);
    if (!node) return;
    if (apic_id >= kMaxLocalApic) {
      if (!tell_not_used()) return;
      out.line("SRAT: PXM {} -> APIC 0x{:04x} -> Node {} skipped apicid that is too big", domain,
               apic_id, *node);
      return;
    }
    if (!add_cpu(apic_id, *node)) return;
    out.line("SRAT: PXM {} -> APIC 0x{:04x} -> Node {}", domain, apic_id, *node);
  }

  void initiator(const SratEntry& entry) {
    if (entry.cut) {
      if (tell_not_used()) {
        out.line("SRAT: Unexpected header length: {}", entry.raw.bytes.size());
      }
      return;
    }
    if (!entry.enabled) return;
    if (const auto node = domains.map(entry.domain)) {
      named.set(*node);
    } else if (tell_not_used()) {
      out.line("ACPI: SRAT: Too many proximity domains.");
    }
  }

  void memory(const SratEntry& entry) {
    if (entry.cut) {
      out.line("ACPI: SRAT: Unexpected header length: {}", entry.raw.bytes.size());
      discredit();
      return;
    }
    if (!entry.enabled) return;
    const auto node = domains.map(entry.domain);
    if (!node) {
      out.line("ACPI: SRAT: Too many proximity domains.");
      discredit();
      return;
    }
    if (memory_count == storage.memory.size()) {
      ++memory_left_out;
      return;
    }
    // The range may wrap: mm::numa_init names it.
    storage.memory[memory_count++] = {*node, entry.range, entry.hotplug, entry.nonvolatile};
    named.set(*node);
    out.line("ACPI: SRAT: Node {} PXM {} {:08x}{}{}", *node, entry.domain, mem(entry.range),
             entry.hotplug ? " hotplug" : "", entry.nonvolatile ? " non-volatile" : "");
  }
};

}  // namespace

size_t srat_length(uint8_t type) {
  constexpr uint8_t kLengths[] = {16, 40, 24, 18, 12, 32, 32};
  return type < std::size(kLengths) ? kLengths[type] : 0;
}

std::optional<SratEntry> SratEntries::next() {
  if (table_.size() < kSratFirst) return std::nullopt;
  const auto raw = rest_.next();
  if (!raw) return std::nullopt;
  SratEntry entry;
  entry.raw = *raw;
  const auto bytes = raw->bytes;
  entry.kind = kind_of(raw->type);
  entry.x2apic = raw->type == kX2apic;
  entry.gic = raw->type == kGicCpu;
  entry.cut = bytes.size() < srat_length(raw->type);
  if (entry.cut) return entry;
  const uint8_t revision = table_[kRevision];
  switch (raw->type) {
    case kCpu:
      entry.domain = bytes[2];
      if (revision >= 2) entry.domain |= field<uint32_t>(bytes, 8) & ~0xffU;
      entry.apic_id = bytes[3];
      set_flags(entry, field<uint32_t>(bytes, 4));
      break;
    case kX2apic:
      entry.domain = field<uint32_t>(bytes, 4);
      entry.apic_id = field<uint32_t>(bytes, 8);
      set_flags(entry, field<uint32_t>(bytes, 12));
      break;
    case kGicCpu:
      entry.domain = field<uint32_t>(bytes, 2);
      entry.apic_id = field<uint32_t>(bytes, 6);
      set_flags(entry, field<uint32_t>(bytes, 10));
      break;
    case kMemory: {
      const auto start = field<uint64_t>(bytes, 8);
      entry.domain = field<uint32_t>(bytes, 2);
      if (revision <= 1) entry.domain &= 0xff;
      entry.range = {mm::Phys{start}, mm::Phys{start + field<uint64_t>(bytes, 16)}};
      set_flags(entry, field<uint32_t>(bytes, 28));
      break;
    }
    case kGenericInitiator:
      entry.domain = field<uint32_t>(bytes, 4);
      set_flags(entry, field<uint32_t>(bytes, 24));
      break;
    default:
      break;
  }
  return entry;
}

std::optional<mm::NodeId> ProximityMap::find(uint32_t domain) const {
  for (mm::NodeId node = 0; node < count_; ++node) {
    if (domains_[node] == domain) return node;
  }
  return std::nullopt;
}

std::optional<mm::NodeId> ProximityMap::map(uint32_t domain) {
  if (const auto known = find(domain)) return known;
  if (count_ == domains_.size()) return std::nullopt;
  domains_[count_] = domain;
  return count_++;
}

uint32_t ProximityMap::next_unused() const {
  uint32_t next = 0;
  for (mm::NodeId node = 0; node < count_; ++node) next = std::max(next, domains_[node] + 1);
  return next;
}

Result<Srat> parse_srat(std::span<const uint8_t> table, SratStorage storage, ProximityMap& domains,
                        bool x2apic_mode, const mm::Printer& out) {
  if (table.size() < kSratFirst) {
    return Error{"shorter than its own header (length {}, at least {})", "SRAT", table.size(),
                 kSratFirst};
  }
  Reader reader{table, storage, domains, x2apic_mode, out};
  SratEntries first(table);
  while (const auto entry = first.next()) {
    if (entry->kind == SratEntry::Kind::Cpu) reader.cpu(*entry);
    if (entry->kind == SratEntry::Kind::Initiator) reader.initiator(*entry);
    if (reader.bad) return Srat{};
  }
  if (!first.fault().ok()) {
    out.error("ACPI: SRAT", first.fault().error());
    reader.discredit();
    return Srat{};
  }
  SratEntries second(table);
  while (const auto entry = second.next()) {
    if (entry->kind == SratEntry::Kind::Memory) reader.memory(*entry);
    if (reader.bad) return Srat{};
  }
  // Linux: without one memory entry there is nothing to go by.
  if (reader.memory_count == 0) return Srat{};
  if (reader.cpus_left_out + reader.memory_left_out != 0) {
    out.line("ACPI: SRAT: {} CPUs behind the first {} and {} ranges behind the first {} left out",
             reader.cpus_left_out, reader.cpu_count, reader.memory_left_out, reader.memory_count);
  }
  return Srat{true,
              storage.memory.first(reader.memory_count),
              storage.cpus.first(reader.cpu_count),
              reader.named,
              reader.cpus_left_out,
              reader.memory_left_out};
}

namespace {

constexpr size_t kCedtFirstEntry = 36, kWindowLength = 36;
constexpr uint16_t kFixedWindow = 1;

// Linux 6.1's numa_fill_memblks(): the described parts of the window grow until they fill it.
// Returns false when there are none.
bool fill_window(std::span<mm::MemoryAffinity> memory, mm::Range window) {
  // In ascending order, each found by its start: windows and their parts are few.
  const auto next_part = [&](mm::Phys from, const mm::MemoryAffinity* previous) {
    mm::MemoryAffinity* best = nullptr;
    for (mm::MemoryAffinity& m : memory) {
      if (!m.range.overlaps(window) || &m == previous) continue;
      const bool later =
          m.range.start > from || (m.range.start == from && (previous == nullptr || &m > previous));
      if (later && (best == nullptr || m.range.start < best->range.start)) best = &m;
    }
    return best;
  };
  mm::MemoryAffinity* part = next_part(mm::Phys{0}, nullptr);
  if (part == nullptr) return false;
  mm::Phys order = part->range.start;  // before it grows
  part->range.start = std::min(part->range.start, window.start);
  mm::Phys reached = part->range.end;
  mm::MemoryAffinity* last = part;
  for (part = next_part(order, last); part != nullptr; part = next_part(order, last)) {
    order = part->range.start;
    if (reached < part->range.start) part->range.start = reached;
    reached = std::max(reached, part->range.end);
    last = part;
  }
  last->range.end = std::max(last->range.end, window.end);
  return true;
}

}  // namespace

Result<> add_cxl_windows(std::span<const uint8_t> cedt, SratStorage storage, ProximityMap& domains,
                         Srat& srat, const mm::Printer& out) {
  uint32_t fake_domain = domains.next_unused();
  // CEDT's structures have a 16-bit length at offset 2: {type, reserved, length}.
  size_t at = kCedtFirstEntry;
  while (at + 4 <= cedt.size()) {
    const uint8_t type = cedt[at];
    const auto length = field<uint16_t>(cedt, at + 2);
    if (length < 4 || length > cedt.size() - at) {
      return Error{"entry of bad length (offset {}, length {})", "CEDT", at, length};
    }
    const auto entry = cedt.subspan(at, length);
    at += length;
    if (type != kFixedWindow || length < kWindowLength) continue;
    const mm::Phys start{field<uint64_t>(entry, 8)};
    const mm::Range window{start, start + field<uint64_t>(entry, 16)};
    if (window.empty()) {
      out.line("ACPI: CEDT: CFMWS [mem {}, size {:#x}]: nothing or wrapped, not used", window.start,
               window.end - window.start);
      continue;
    }
    if (fill_window(storage.memory.first(srat.memory.size()), window)) continue;
    const auto node = domains.map(fake_domain);
    if (!node) {
      out.line("ACPI NUMA: Too many proximity domains while processing CFMWS.");
      return {};
    }
    const size_t count = srat.memory.size();
    if (count == storage.memory.size()) {
      return Error{"more windows than there is room for (count {})", "CEDT", count, 0};
    }
    storage.memory[count] = {*node, window, false, false};
    srat.memory = storage.memory.first(count + 1);
    srat.named.set(*node);
    ++fake_domain;
  }
  return {};
}

}  // namespace loader
