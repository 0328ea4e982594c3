#include "loader/acpi/madt.h"

#include "loader/acpi/entries.h"
#include "loader/acpi/tables.h"

namespace loader {
namespace {

// ACPI 6.5 sections 5.2.12.2, .3, .8 and .12.
enum EntryType : uint8_t { kLocalApic = 0, kIoApic = 1, kAddressOverride = 5, kLocalX2apic = 9 };
constexpr size_t kLocalApicLength = 8, kIoApicLength = 12, kOverrideLength = 12, kX2apicLength = 16;
constexpr size_t kAddress = 36, kFirstEntry = 44;
constexpr uint32_t kEnabled = 1, kOnlineCapable = 2;

size_t least_length(uint8_t type) {
  switch (type) {
    case kLocalApic:
      return kLocalApicLength;
    case kIoApic:
      return kIoApicLength;
    case kAddressOverride:
      return kOverrideLength;
    case kLocalX2apic:
      return kX2apicLength;
    default:
      return 2;
  }
}

}  // namespace

mm::Result<Madt> parse_madt(std::span<const uint8_t> table, std::span<MadtCpu> storage,
                            const mm::Printer& out) {
  if (table.size() < kFirstEntry) {
    return mm::Error{"shorter than its own header (length {}, at least {})", "APIC", table.size(),
                     kFirstEntry};
  }
  Madt madt;
  madt.local_apic = field<uint32_t>(table, kAddress);
  size_t count = 0;
  AcpiEntries entries(table, kFirstEntry);
  while (const auto entry = entries.next()) {
    const auto bytes = entry->bytes;
    if (bytes.size() < least_length(entry->type)) {
      return mm::Error{"entry too short (type {}, length {})", "APIC", entry->type, bytes.size()};
    }
    MadtCpu cpu;
    uint32_t flags = 0;
    switch (entry->type) {
      case kLocalApic:
        cpu.apic_id = bytes[3];
        flags = field<uint32_t>(bytes, 4);
        break;
      case kLocalX2apic:
        cpu.apic_id = field<uint32_t>(bytes, 4);
        flags = field<uint32_t>(bytes, 8);
        cpu.x2apic = true;
        break;
      case kIoApic:
        ++madt.io_apics;
        continue;
      case kAddressOverride:
        madt.local_apic = field<uint64_t>(bytes, 4);
        continue;
      default:
        continue;
    }
    cpu.enabled = (flags & kEnabled) != 0;
    cpu.online_capable = !cpu.enabled && (flags & kOnlineCapable) != 0;
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
