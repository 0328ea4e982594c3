#include "loader/acpi/madt.h"

#include <iterator>

#include "loader/acpi/tables.h"

namespace loader {
namespace {

// ACPI 6.5 sections 5.2.12.2, .3, .8, .12 and .19.
enum EntryType : uint8_t {
  kLocalApic = 0,
  kIoApic = 1,
  kAddressOverride = 5,
  kLocalX2apic = 9,
  kWakeUp = 16
};
constexpr size_t kAddress = 36;

bool is_read(uint8_t type) {
  return type == kLocalApic || type == kIoApic || type == kAddressOverride ||
         type == kLocalX2apic || type == kWakeUp;
}

void set_state(MadtCpu& cpu, uint32_t flags) {
  constexpr uint32_t kEnabled = 1, kOnlineCapable = 2;
  cpu.enabled = (flags & kEnabled) != 0;
  cpu.online_capable = !cpu.enabled && (flags & kOnlineCapable) != 0;
}

}  // namespace

size_t madt_length(uint8_t type) {
  constexpr uint8_t kLengths[] = {8, 12, 10, 8, 6, 12, 16, 0, 16, 16, 12, 0, 0, 0, 0, 0, 16};
  return type < std::size(kLengths) ? kLengths[type] : 0;
}

std::optional<MadtEntry> MadtEntries::next() {
  using Kind = MadtEntry::Kind;
  if (table_.size() < kMadtFirst) return std::nullopt;
  if (!begun_) {
    begun_ = true;
    MadtEntry fixed;
    fixed.kind = Kind::LocalApic;
    fixed.address = field<uint32_t>(table_, kAddress);
    return fixed;
  }
  const auto raw = rest_.next();
  if (!raw) return std::nullopt;
  MadtEntry entry;
  entry.raw = *raw;
  const auto bytes = raw->bytes;
  entry.cut = bytes.size() < madt_length(raw->type);
  if (entry.cut) return entry;
  switch (raw->type) {
    case kLocalApic:
      entry.kind = Kind::Cpu;
      entry.cpu.apic_id = bytes[3];
      set_state(entry.cpu, field<uint32_t>(bytes, 4));
      break;
    case kLocalX2apic:
      entry.kind = Kind::Cpu;
      entry.cpu.apic_id = field<uint32_t>(bytes, 4);
      entry.cpu.x2apic = true;
      set_state(entry.cpu, field<uint32_t>(bytes, 8));
      break;
    case kIoApic:
      entry.kind = Kind::IoApic;
      entry.address = field<uint32_t>(bytes, 4);
      break;
    case kAddressOverride:
      entry.kind = Kind::LocalApic;
      entry.address = field<uint64_t>(bytes, 4);
      break;
    case kWakeUp:
      entry.kind = Kind::WakeUp;
      entry.address = field<uint64_t>(bytes, 8);
      break;
    default:
      break;
  }
  return entry;
}

mm::Result<Madt> parse_madt(std::span<const uint8_t> table, std::span<MadtCpu> storage,
                            const mm::Printer& out) {
  if (table.size() < kMadtFirst) {
    return mm::Error{"shorter than its own header (length {}, at least {})", "APIC", table.size(),
                     kMadtFirst};
  }
  Madt madt;
  size_t count = 0;
  MadtEntries entries(table);
  while (const auto entry = entries.next()) {
    if (entry->cut && is_read(entry->raw.type)) {
      return mm::Error{"entry too short (type {}, length {})", "APIC", entry->raw.type,
                       entry->raw.bytes.size()};
    }
    if (entry->kind == MadtEntry::Kind::LocalApic) madt.local_apic = entry->address;
    if (entry->kind == MadtEntry::Kind::IoApic) ++madt.io_apics;
    if (entry->kind == MadtEntry::Kind::WakeUp) madt.mailbox = entry->address;
    const MadtCpu& cpu = entry->cpu;
    if (!cpu.enabled && !cpu.online_capable) continue;
    if (count == storage.size()) {
      ++madt.left_out;
      continue;
    }
    storage[count++] = cpu;
    if (cpu.enabled) ++madt.enabled;
  }
  if (const auto fault = entries.fault(); !fault.ok()) {
    mm::Error error = fault.error();
    error.subject = "APIC";
    return error;
  }
  madt.cpus = storage.first(count);
  if (madt.left_out != 0) {
    out.line("ACPI: MADT: {} CPUs behind the first {} left out", madt.left_out, count);
  }
  out.line("smpboot: Allowing {} CPUs, {} hotplug CPUs", count, count - madt.enabled);
  return madt;
}

}  // namespace loader
