#include "loader/acpi/srat.h"

#include <algorithm>

#include "loader/acpi/entries.h"
#include "loader/acpi/tables.h"

namespace loader {
namespace {

using mm::Error;
using mm::Result;

// Entry types and lengths, ACPI 6.5 sections 5.2.16.1 to 5.2.16.6.
enum EntryType : uint8_t { kCpu = 0, kMemory = 1, kX2apic = 2, kGenericInitiator = 5 };
constexpr size_t kCpuLength = 16, kMemoryLength = 40, kX2apicLength = 24, kInitiatorLength = 32;
constexpr uint32_t kEnabled = 1, kHotPluggable = 2, kNonVolatile = 4;
constexpr size_t kFirstEntry = 48;

// Linux: an xAPIC id of 255 is the broadcast, and ids from 32768 on have no place in its tables.
constexpr uint32_t kMaxXapicId = 254, kMaxLocalApic = 32768;

struct Reader {
  std::span<const uint8_t> table;
  SratStorage storage;
  ProximityMap& domains;
  bool x2apic_mode;
  const mm::Printer& out;

  uint8_t revision = 0;
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

  void cpu(std::span<const uint8_t> entry) {
    if (entry.size() != kCpuLength) {
      out.line("SRAT: Unexpected header length: {}", entry.size());
      discredit();
      return;
    }
    if ((field<uint32_t>(entry, 4) & kEnabled) == 0) return;
    uint32_t domain = entry[2];
    if (revision >= 2) {
      domain |= uint32_t{entry[9]} << 8 | uint32_t{entry[10]} << 16 | uint32_t{entry[11]} << 24;
    }
    const auto node = node_of(domain);
    if (!node) return;
    const uint32_t apic_id = entry[3];
    if (!add_cpu(apic_id, *node)) return;
    out.line("SRAT: PXM {} -> APIC 0x{:02x} -> Node {}", domain, apic_id, *node);
  }

  void x2apic(std::span<const uint8_t> entry) {
    if (entry.size() < kX2apicLength) {
      out.line("SRAT: Unexpected header length: {}", entry.size());
      discredit();
      return;
    }
    if ((field<uint32_t>(entry, 12) & kEnabled) == 0) return;
    const auto domain = field<uint32_t>(entry, 4);
    const auto apic_id = field<uint32_t>(entry, 8);
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

  void initiator(std::span<const uint8_t> entry) {
    if (entry.size() < kInitiatorLength) {
      if (tell_not_used()) out.line("SRAT: Unexpected header length: {}", entry.size());
      return;
    }
    if ((field<uint32_t>(entry, 24) & kEnabled) == 0) return;
    if (const auto node = domains.map(field<uint32_t>(entry, 4))) {
      named.set(*node);
    } else if (tell_not_used()) {
      out.line("ACPI: SRAT: Too many proximity domains.");
    }
  }

  void memory(std::span<const uint8_t> entry) {
    if (entry.size() < kMemoryLength) {
      out.line("ACPI: SRAT: Unexpected header length: {}", entry.size());
      discredit();
      return;
    }
    const auto flags = field<uint32_t>(entry, 28);
    if ((flags & kEnabled) == 0) return;
    const auto start = field<uint64_t>(entry, 8);
    const uint64_t end = start + field<uint64_t>(entry, 16);  // may wrap: mm::numa_init names it
    auto domain = field<uint32_t>(entry, 2);
    if (revision <= 1) domain &= 0xff;
    const auto node = domains.map(domain);
    if (!node) {
      out.line("ACPI: SRAT: Too many proximity domains.");
      discredit();
      return;
    }
    if (memory_count == storage.memory.size()) {
      ++memory_left_out;
      return;
    }
    const bool hotplug = (flags & kHotPluggable) != 0;
    const bool nonvolatile = (flags & kNonVolatile) != 0;
    storage.memory[memory_count++] = {
        *node, {mm::Phys{start}, mm::Phys{end}}, hotplug, nonvolatile};
    named.set(*node);
    out.line("ACPI: SRAT: Node {} PXM {} {:08x}{}{}", *node, domain,
             mem(mm::Range{mm::Phys{start}, mm::Phys{end}}), hotplug ? " hotplug" : "",
             nonvolatile ? " non-volatile" : "");
  }

  void first_pass(const AcpiEntry& entry) {
    switch (entry.type) {
      case kCpu:
        return cpu(entry.bytes);
      case kX2apic:
        return x2apic(entry.bytes);
      case kGenericInitiator:
        return initiator(entry.bytes);
      default:
        return;
    }
  }
};

}  // namespace

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
  if (table.size() < kFirstEntry) {
    return Error{"shorter than its own header (length {}, at least {})", "SRAT", table.size(),
                 kFirstEntry};
  }
  Reader reader{table, storage, domains, x2apic_mode, out};
  reader.revision = table[8];
  AcpiEntries first(table, kFirstEntry);
  while (const auto entry = first.next()) {
    reader.first_pass(*entry);
    if (reader.bad) return Srat{};
  }
  if (!first.fault().ok()) {
    out.error("ACPI: SRAT", first.fault().error());
    reader.discredit();
    return Srat{};
  }
  AcpiEntries second(table, kFirstEntry);
  while (const auto entry = second.next()) {
    if (entry->type == kMemory) reader.memory(entry->bytes);
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
