#include "loader/acpi/madt.h"

#include <iterator>

#include "loader/acpi/tables.h"

namespace loader {
namespace {

// ACPI 6.5 sections 5.2.12.2, .3, .8, .12, .14, .15, .17 and .19.
enum EntryType : uint8_t {
  kLocalApic = 0,
  kIoApic = 1,
  kAddressOverride = 5,
  kLocalX2apic = 9,
  kGicCpu = 11,
  kGicDistributor = 12,
  kGicRedistributors = 14,
  kWakeUp = 16
};
constexpr size_t kAddress = 36;
constexpr size_t kLeastGicCpu = 76;  // ACPI 5.1's
// Registers: an APIC's page; a GICv2 CPU's interface, with the second page that GICC_DIR is in; a
// distributor of a GICv2, or of a later one (Arm IHI 0048 and 0069).
constexpr uint64_t kPage = 0x1000, kCpuInterface = 0x2000, kDistributorV2 = 0x1000,
                   kDistributor = 0x1'0000;

bool is_read(uint8_t type) {
  return type == kLocalApic || type == kIoApic || type == kAddressOverride ||
         type == kLocalX2apic || type == kWakeUp || type == kGicCpu || type == kGicDistributor ||
         type == kGicRedistributors;
}

void set_state(MadtCpu& cpu, uint32_t flags) {
  constexpr uint32_t kEnabled = 1, kOnlineCapable = 2, kGicOnlineCapable = 8;
  cpu.enabled = (flags & kEnabled) != 0;
  cpu.online_capable =
      !cpu.enabled && (flags & (cpu.gic ? kGicOnlineCapable : kOnlineCapable)) != 0;
}

size_t least_length(uint8_t type) { return type == kGicCpu ? kLeastGicCpu : madt_length(type); }

bool has_gic(std::span<const uint8_t> table) {
  AcpiEntries entries(table, kMadtFirst);
  while (const auto entry = entries.next()) {
    if (entry->type == kGicCpu || entry->type == kGicDistributor) return true;
  }
  return false;
}

void read_gic_cpu(MadtEntry& entry) {
  const auto bytes = entry.raw.bytes;
  entry.kind = MadtEntry::Kind::Cpu;
  entry.cpu.gic = true;
  entry.cpu.srat_id = field<uint32_t>(bytes, 8);
  entry.cpu.apic_id = packed_mpidr(field<uint64_t>(bytes, 68));
  set_state(entry.cpu, field<uint32_t>(bytes, 12));
  entry.address = field<uint64_t>(bytes, 32);
  entry.size = kCpuInterface;
  entry.redistributor = field<uint64_t>(bytes, 60);
}

}  // namespace

size_t madt_length(uint8_t type) {
  constexpr uint8_t kLengths[] = {8, 12, 10, 8, 6, 12, 16, 0, 16, 16, 12, 0, 24, 24, 16, 20, 16};
  return type < std::size(kLengths) ? kLengths[type] : 0;
}

std::optional<MadtEntry> MadtEntries::next() {
  using Kind = MadtEntry::Kind;
  if (table_.size() < kMadtFirst) return std::nullopt;
  if (!begun_) {
    begun_ = true;
    MadtEntry fixed;
    if (has_gic(table_)) return fixed;
    fixed.kind = Kind::LocalApic;
    fixed.address = field<uint32_t>(table_, kAddress);
    fixed.size = kPage;
    return fixed;
  }
  const auto raw = rest_.next();
  if (!raw) return std::nullopt;
  MadtEntry entry;
  entry.raw = *raw;
  const auto bytes = raw->bytes;
  entry.cut = bytes.size() < least_length(raw->type);
  if (entry.cut) return entry;
  switch (raw->type) {
    case kLocalApic:
      entry.kind = Kind::Cpu;
      entry.cpu.apic_id = entry.cpu.srat_id = bytes[3];
      set_state(entry.cpu, field<uint32_t>(bytes, 4));
      break;
    case kLocalX2apic:
      entry.kind = Kind::Cpu;
      entry.cpu.apic_id = entry.cpu.srat_id = field<uint32_t>(bytes, 4);
      entry.cpu.x2apic = true;
      set_state(entry.cpu, field<uint32_t>(bytes, 8));
      break;
    case kIoApic:
      entry.kind = Kind::IoApic;
      entry.address = field<uint32_t>(bytes, 4);
      entry.size = kPage;
      break;
    case kAddressOverride:
      entry.kind = Kind::LocalApic;
      entry.address = field<uint64_t>(bytes, 4);
      entry.size = kPage;
      break;
    case kGicCpu:
      read_gic_cpu(entry);
      break;
    case kGicDistributor:
      entry.kind = Kind::Distributor;
      entry.address = field<uint64_t>(bytes, 8);
      entry.gic_version = bytes[20];
      entry.size = entry.gic_version == 1 || entry.gic_version == 2 ? kDistributorV2 : kDistributor;
      break;
    case kGicRedistributors:
      entry.kind = Kind::Redistributors;
      entry.address = field<uint64_t>(bytes, 4);
      entry.size = field<uint32_t>(bytes, 12);
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
    madt.gic = madt.gic || cpu.gic;
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
