#include "efi/tables.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "efi/live.h"

namespace efi {
namespace {

using mm::Error;
using mm::Phys;
using mm::Range;
using mm::Result;

// UEFI 2.10 section 4.6.1.1.
constexpr EFI_GUID kAcpi2 = {
    0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
constexpr EFI_GUID kAcpi1 = {
    0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
constexpr EFI_GUID kSmbios3 = {
    0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}};
constexpr EFI_GUID kSmbios2 = {
    0xeb9d2d31, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
// UEFI 2.10 section 4.6.1.3: EFI_DTB_TABLE_GUID.
constexpr EFI_GUID kDeviceTree = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};

using TableList = std::span<const EFI_CONFIGURATION_TABLE>;

// The firmware's list; what of it cannot be is named.
TableList list_of(const Firmware& firmware, const mm::Printer& findings) {
  constexpr UINTN kMost = 256;  // EDK II has about 20
  const EFI_SYSTEM_TABLE& system = *firmware.system;
  const UINTN count = std::min(system.NumberOfTableEntries, kMost);
  const Phys start{reinterpret_cast<uintptr_t>(system.ConfigurationTable)};
  if (count != 0 &&
      (start == Phys{} || !mapped({start, start + count * sizeof(EFI_CONFIGURATION_TABLE)}))) {
    findings.line("configuration tables: their list cannot be read (address {:#x}, entries {})",
                  start.v, system.NumberOfTableEntries);
    return {};
  }
  if (count < system.NumberOfTableEntries) {
    findings.line("configuration tables: of {} the first {} are looked at",
                  system.NumberOfTableEntries, count);
  }
  return {system.ConfigurationTable, count};
}

Phys table_of(TableList list, const EFI_GUID& wanted) {
  for (const EFI_CONFIGURATION_TABLE& table : list) {
    if (std::memcmp(&table.VendorGuid, &wanted, sizeof(EFI_GUID)) == 0) {
      return Phys{reinterpret_cast<uintptr_t>(table.VendorTable)};
    }
  }
  return {};
}

// Whether the map describes every byte, and reading there does not fault. Old firmware keeps the
// RSDP in the BIOS area (ACPI 6.5 section 5.2.5.1), which no descriptor covers.
bool readable(const void* context, Range range) {
  constexpr Range kBiosArea{Phys{0xe0000}, Phys{mm::kMiB}};
  if (!mapped(range)) return false;
  if (kBiosArea.contains(range)) return true;
  const auto& memory = *static_cast<const mm::E820Table*>(context);
  while (!range.empty()) {
    const mm::E820Entry* const entry = memory.find(range.start);
    if (entry == nullptr) return false;
    range.start = entry->range.end;
  }
  return true;
}

Result<> list_acpi(const Firmware& firmware, const mm::E820Table& memory, Phys rsdp, Tables& tables,
                   const mm::Printer& findings) {
  const mm::DirectMap identity;
  const loader::AcpiWalk walk(identity, readable, &memory);
  constexpr size_t kRoom = loader::kMaxAcpiTables;
  tables.acpi_storage =
      BATON_TRY(allocate_array<loader::AcpiTable>(firmware, kRoom, "list of ACPI tables"));
  const auto root = walk.list(rsdp, {tables.acpi_storage.as<loader::AcpiTable>(), kRoom});
  if (!root.ok()) {
    findings.error("ACPI tables ignored", root.error());
    return {};
  }
  if (root.value().skipped != 0) {
    findings.part("ACPI: {} table(s) left out", root.value().skipped);
    findings.error("; the first", root.value().first_skipped);
  }
  if (root.value().left_out != 0) {
    findings.line("ACPI: {} pointers behind the first {} tables left out", root.value().left_out,
                  kRoom);
  }
  tables.rsdp = rsdp;
  tables.acpi_count = root.value().tables;
  return {};
}

template <class T>
T read(Phys at) {
  T value;
  std::memcpy(&value, reinterpret_cast<const void*>(at.v), sizeof(T));
  return value;
}

// DMTF DSP0134 3.6 section 5.2: where length, table address and table size stand in either form.
struct SmbiosForm {
  EFI_GUID guid;
  uint32_t version;
  const char* anchor;
  size_t anchor_length;  // behind it stands the checksum
  uint64_t length_at;
  uint64_t minimum;
};
constexpr SmbiosForm kSmbiosForms[] = {
    {kSmbios3, 3, "_SM3_", 5, 6, 24},
    {kSmbios2, 2, "_SM_", 4, 5, 31},
};

Range smbios_structures(const SmbiosForm& form, Phys entry) {
  const bool wide = form.version == 3;
  const Phys start{wide ? read<uint64_t>(entry + 16) : read<uint32_t>(entry + 24)};
  const uint64_t size = wide ? read<uint32_t>(entry + 12) : read<uint16_t>(entry + 22);
  return {start, start + size};
}

Result<> take_smbios(const SmbiosForm& form, Phys entry, const mm::E820Table& memory,
                     Tables& tables) {
  if (!readable(&memory, {entry, entry + form.minimum})) {
    return Error{"entry point cannot be read (address {:#x})", form.anchor, entry.v};
  }
  if (std::memcmp(reinterpret_cast<const void*>(entry.v), form.anchor, form.anchor_length) != 0) {
    return Error{"entry point has another anchor (address {:#x})", form.anchor, entry.v};
  }
  const size_t length = read<uint8_t>(entry + form.length_at);
  // SMBIOS 2.1 says 30 where it means 31.
  if (length + 1 < form.minimum || !readable(&memory, {entry, entry + length})) {
    return Error{"entry point has a bad length (address {:#x}, length {})", form.anchor, entry.v,
                 length};
  }
  if (loader::acpi_checksum(mm::DirectMap().at<const void>(entry), length) != 0) {
    return Error{"entry point's checksum is wrong (address {:#x})", form.anchor, entry.v};
  }
  tables.smbios = entry;
  tables.smbios_version = form.version;
  tables.ranges[0] = {{entry, entry + length}, "SMBIOS"};
  tables.ranges[1] = {{}, "SMBIOS TABLE"};
  // Without its structures the entry point stays, for the self-tests to find fault with.
  const Range structures = smbios_structures(form, entry);
  if (structures.size() > loader::kMaxFirmwareTable) {
    return Error{"structures are longer than any (start {:#x}, end {:#x})", form.anchor,
                 structures.start.v, structures.end.v};
  }
  if (structures.empty() || structures.end.v > mm::kMaxPhys || !readable(&memory, structures)) {
    return Error{"structures cannot be read (start {:#x}, end {:#x})", form.anchor,
                 structures.start.v, structures.end.v};
  }
  tables.ranges[1].range = structures;
  return {};
}

void set_checksum(uint8_t* bytes, size_t length, size_t at) {
  bytes[at] = 0;
  bytes[at] = static_cast<uint8_t>(-loader::acpi_checksum(bytes, length));
}

// Has an entry point, whose bytes these are, lead to other structures.
void lead_to(const SmbiosForm& form, uint8_t* entry, size_t length, Phys structures) {
  if (form.version == 3) {
    std::memcpy(entry + 16, &structures.v, sizeof(structures.v));
  } else {
    const auto address = static_cast<uint32_t>(structures.v);
    std::memcpy(entry + 24, &address, sizeof(address));
    set_checksum(entry + 16, 15, 5);  // that of the intermediate entry point
  }
  set_checksum(entry, length, form.anchor_length);
}

Result<> take_device_tree(Phys at, const mm::E820Table& memory, Tables& tables) {
  constexpr const char* kName = "device tree";
  const auto can_read = [&](uint64_t size) {
    return at.v < mm::kMaxPhys && readable(&memory, {at, at + size});
  };
  // Devicetree Specification 0.4, section 5.6.
  if (at.v % 8 != 0) return Error{"is not aligned to 8 bytes (address {:#x})", kName, at.v};
  if (!can_read(loader::kFdtHeader)) {
    return Error{"cannot be read (address {:#x})", kName, at.v};
  }
  const auto* bytes = mm::DirectMap().at<const uint8_t>(at);
  const uint32_t size = BATON_TRY(loader::Fdt::size_of({bytes, loader::kFdtHeader}));
  if (!can_read(size)) {
    return Error{"cannot be read to its end (address {:#x}, size {})", kName, at.v, size};
  }
  tables.tree = BATON_TRY(loader::Fdt::open({bytes, size}));
  tables.ranges[2] = {{at, at + size}, "DEVICE TREE"};
  return {};
}

}  // namespace

Result<Tables> find_tables(const Firmware& firmware, const mm::E820Table& memory,
                           const mm::Printer& findings) {
  Tables tables;
  const TableList list = list_of(firmware, findings);
  for (const EFI_GUID& guid : {kAcpi2, kAcpi1}) {
    const Phys rsdp = table_of(list, guid);
    if (rsdp == Phys{} || tables.rsdp != Phys{}) continue;
    BATON_TRY(list_acpi(firmware, memory, rsdp, tables, findings));
  }
  if (tables.rsdp == Phys{}) findings.line("ACPI: no usable tables");
  for (const SmbiosForm& form : kSmbiosForms) {
    const Phys entry = table_of(list, form.guid);
    if (entry == Phys{} || !tables.ranges[1].range.empty()) continue;
    const Result<> taken = take_smbios(form, entry, memory, tables);
    if (!taken.ok()) findings.error("SMBIOS ignored", taken.error());
  }
  if (const Phys at = table_of(list, kDeviceTree); at != Phys{}) {
    const Result<> taken = take_device_tree(at, memory, tables);
    if (!taken.ok()) findings.error("device tree ignored", taken.error());
  }
  return tables;
}

Result<> move_smbios(const Firmware& firmware, const loader::AddressSpace& space, Tables& tables,
                     const mm::Printer& findings) {
  Range& entry = tables.ranges[0].range;
  Range& structures = tables.ranges[1].range;
  if (space.has_place(entry) && space.has_place(structures)) return {};
  const uint64_t room = mm::align_up(entry.size(), 16);  // entry points are aligned so
  tables.smbios_copy = BATON_TRY(allocate(firmware, room + structures.size(), "copy of SMBIOS"));
  const Phys start = tables.smbios_copy.range().start;
  const Range copies[] = {{start, start + entry.size()},
                          {start + room, start + room + structures.size()}};
  for (size_t i = 0; i < 2; ++i) {
    Range& range = tables.ranges[i].range;
    std::memcpy(reinterpret_cast<void*>(copies[i].start.v),
                reinterpret_cast<const void*>(range.start.v), static_cast<size_t>(range.size()));
    range = copies[i];
  }
  for (const SmbiosForm& form : kSmbiosForms) {
    if (form.version != tables.smbios_version || structures.empty()) continue;
    lead_to(form, tables.smbios_copy.as<uint8_t>(), static_cast<size_t>(entry.size()),
            structures.start);
  }
  findings.line("SMBIOS: at {:#x} is the kernel's own place, copied to {}", tables.smbios.v, start);
  tables.smbios = start;
  return {};
}

}  // namespace efi
