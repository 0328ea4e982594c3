// What the firmware published: the Memory Attributes Table, the service tables, configuration
// tables.
#include <bit>

#include "loader/handoff/crc32.h"
#include "loader/selftest/firmware_tests.h"

namespace loader {
namespace {

constexpr uint64_t kReadProtect = 0x2000, kExecuteProtect = 0x4000, kReadOnly = 0x20000;

uint64_t end_of(const EfiDescriptor& d) { return d.physical_start + d.pages * mm::kPageSize; }

// --- Memory Attributes Table ---------------------------------------------------------------------

struct AttributeTableHeader {
  uint32_t version, count, stride, flags;
};
static_assert(sizeof(AttributeTableHeader) == 16);

struct AttributeTable {
  EfiMemoryMap entries;
  AttributeTableHeader header{};
};

// Pass with the table; Skip when there is none; Fail when it cannot be read.
Verdict find_attribute_table(FirmwareBench& bench, MapSnapshot& now, AttributeTable& table) {
  const auto at = configuration_table(bench.facts, kMemoryAttributesTable);
  if (!at || *at == 0) return Verdict::skip("this firmware has no Memory Attributes Table");
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  if (!now.describes({{*at}, {*at + sizeof(AttributeTableHeader)}})) {
    return Verdict::fail("the table, at {:#x}, is in no memory", *at);
  }
  table.header = *bench.facts.reach.at<const AttributeTableHeader>(mm::Phys{*at});
  const AttributeTableHeader& h = table.header;
  const uint64_t bytes = uint64_t{h.count} * h.stride;
  if ((h.version != 1 && h.version != 2) || h.count == 0 || h.stride < sizeof(EfiDescriptor) ||
      h.stride % 8 != 0) {
    return Verdict::fail("version {}, {} entries of {} bytes", h.version, h.count, h.stride);
  }
  const uint64_t first = *at + sizeof(AttributeTableHeader);
  if (!now.describes({{first}, {first + bytes}})) {
    return Verdict::fail("its {} entries of {} bytes at {:#x} reach beyond memory", h.count,
                         h.stride, first);
  }
  table.entries = EfiMemoryMap(
      {bench.facts.reach.at<const std::byte>(mm::Phys{first}), static_cast<size_t>(bytes)},
      h.stride);
  return Verdict::pass();
}

Verdict mat_form(FirmwareBench& bench) {
  MapSnapshot now;
  AttributeTable table;
  return find_attribute_table(bench, now, table);
}

// Calls wrong(entry, index, map) until that fails. What efi.mat.form finds is its to tell.
template <class Wrong>
Verdict each_entry(FirmwareBench& bench, Wrong wrong) {
  MapSnapshot now;
  AttributeTable table;
  if (!find_attribute_table(bench, now, table).passed()) {
    return Verdict::skip("no Memory Attributes Table that can be read");
  }
  for (size_t i = 0; i < table.entries.count(); ++i) {
    if (const Verdict v = wrong(table.entries.at(i), i, now); v.failed()) return v;
  }
  return Verdict::pass();
}

Verdict mat_sorted(FirmwareBench& bench) {
  uint64_t before = 0;
  return each_entry(bench, [&](const EfiDescriptor& d, size_t i, const MapSnapshot&) {
    if (d.physical_start < before) {
      return Verdict::fail("entry {} begins at {:#x}, the one before ends at {:#x}", i,
                           d.physical_start, before);
    }
    before = end_of(d);
    return Verdict::pass();
  });
}

Verdict mat_inside(FirmwareBench& bench) {
  return each_entry(bench, [&](const EfiDescriptor& d, size_t i, const MapSnapshot& now) {
    // Regions of one type that touch count as one.
    uint64_t at = d.physical_start;
    while (at < end_of(d)) {
      const auto region = now.find(at);
      if (!region || region->type != d.type) {
        return Verdict::fail("entry {} [{:#x}-{:#x}) type {}: {:#x} has {}", i, d.physical_start,
                             end_of(d), static_cast<unsigned>(d.type), at,
                             region ? printed(region->type) : "no descriptor");
      }
      if (region->type != EfiMemoryType::RuntimeServicesCode &&
          region->type != EfiMemoryType::RuntimeServicesData) {
        return Verdict::fail("entry {}, at {:#x}, is about type {}", i, d.physical_start,
                             static_cast<unsigned>(d.type));
      }
      at = end_of(*region);
    }
    return Verdict::pass();
  });
}

Verdict mat_bits(FirmwareBench& bench) {
  constexpr uint64_t kCrypto = 0x80000;  // EFI_MEMORY_CPU_CRYPTO, since UEFI 2.9
  constexpr uint64_t kAllowed =
      kReadOnly | kExecuteProtect | kReadProtect | kCrypto | kEfiMemoryRuntime;
  return each_entry(bench, [&](const EfiDescriptor& d, size_t i, const MapSnapshot&) {
    if ((d.attributes & ~kAllowed) == 0 && (d.attributes & kEfiMemoryRuntime) != 0)
      return Verdict::pass();
    return Verdict::fail("entry {}, at {:#x}, has attributes {:#x}", i, d.physical_start,
                         d.attributes);
  });
}

Verdict mat_wx(FirmwareBench& bench) {
  return each_entry(bench, [&](const EfiDescriptor& d, size_t i, const MapSnapshot&) {
    if ((d.attributes & (kReadOnly | kExecuteProtect)) != 0) return Verdict::pass();
    return Verdict::fail("entry {}, at {:#x}, is writable and executable", i, d.physical_start);
  });
}

Verdict mat_coverage(FirmwareBench& bench) {
  MapSnapshot now;
  AttributeTable table;
  if (!find_attribute_table(bench, now, table).passed()) {
    return Verdict::skip("no Memory Attributes Table that can be read");
  }
  const MapSnapshot covered{table.entries, 0, 0};
  for (size_t i = 0; i < now.map.count(); ++i) {
    const EfiDescriptor d = now.map.at(i);
    if (d.type != EfiMemoryType::RuntimeServicesCode) continue;
    for (uint64_t at = d.physical_start; at < end_of(d);) {
      const auto entry = covered.find(at);
      if (!entry) return Verdict::fail("runtime code at {:#x} is in no entry", at);
      at = end_of(*entry);
    }
  }
  return Verdict::pass();
}

// --- Service tables ------------------------------------------------------------------------------

Verdict check_header(FirmwareBench& bench, const char* name, uint64_t at, uint64_t signature,
                     size_t minimum) {
  if (at == 0) return Verdict::fail("there is no {} table", name);
  const auto& header = *bench.facts.reach.at<const EfiTableHeader>(mm::Phys{at});
  if (header.signature != signature) {
    return Verdict::fail("{} table: signature {:#x}", name, header.signature);
  }
  constexpr uint32_t kMost = 4096;
  if (header.size < minimum || header.size > kMost) {
    return Verdict::fail("{} table: header size {}", name, header.size);
  }
  // With 0 where the checksum itself stands.
  constexpr size_t kCrcAt = 16;
  const auto* bytes = bench.facts.reach.at<const uint8_t>(mm::Phys{at});
  const uint8_t zeros[4] = {};
  uint32_t crc = crc32({bytes, kCrcAt});
  crc = crc32(zeros, crc);
  crc = crc32({bytes + kCrcAt + 4, header.size - kCrcAt - 4}, crc);
  if (crc != header.crc32) {
    return Verdict::fail("{} table: CRC32 0x{:08x}, computed 0x{:08x}", name, header.crc32, crc);
  }
  return Verdict::pass();
}

Verdict headers(FirmwareBench& bench) {
  const auto& system = *bench.facts.reach.at<const SystemTable>({bench.facts.system_table});
  constexpr size_t kBootServicesMinimum =
      24 + sizeof(FirmwareWord) * 43;  // up to CreateEventEx is newer
  const Verdict first = check_header(bench, "system", bench.facts.system_table,
                                     kSystemTableSignature, sizeof(SystemTable));
  if (!first.passed()) return first;
  const Verdict boot = check_header(bench, "boot services", system.boot_services,
                                    kBootServicesSignature, kBootServicesMinimum);
  if (!boot.passed()) return boot;
  return check_header(bench, "runtime services", system.runtime_services, kRuntimeServicesSignature,
                      sizeof(RuntimeServices));
}

Verdict runtime_services(FirmwareBench& bench) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  const auto& system = *bench.facts.reach.at<const SystemTable>({bench.facts.system_table});
  const auto& runtime = *bench.facts.reach.at<const RuntimeServices>({system.runtime_services});
  for (size_t i = 0; i < kRuntimeFunctions; ++i) {
    const uint64_t function = runtime.functions[i];
    const char* const name = i == kResetSystem ? "ResetSystem" : "function";
    if (function == 0) return Verdict::fail("{} (number {}) is missing", name, i);
    const auto d = now.find(function);
    if (d && d->type == EfiMemoryType::RuntimeServicesCode) continue;
    return Verdict::fail("{} (number {}), at {:#x}, is in {}", name, i, function,
                         d ? printed(d->type) : "no memory");
  }
  return Verdict::pass();
}

// --- Configuration tables ------------------------------------------------------------------------

Verdict config_entries(FirmwareBench& bench) {
  const auto tables = configuration_tables(bench.facts);
  for (size_t i = 0; i < tables.size(); ++i) {
    if (tables[i].address == 0) {
      return Verdict::fail("table {} ({:08x}-...) has no address", i, tables[i].guid.a);
    }
    for (size_t j = 0; j < i; ++j) {
      if (tables[j].guid == tables[i].guid) {
        return Verdict::fail("tables {} and {} have one GUID ({:08x}-...)", j, i, tables[i].guid.a);
      }
    }
  }
  return Verdict::pass();
}

Verdict config_acpi(FirmwareBench& bench) {
  const auto at = configuration_table(bench.facts, kAcpi20Table);
  if (at) return Verdict::pass();
  if (configuration_table(bench.facts, kDeviceTreeTable)) {
    return Verdict::skip("this firmware tells of the machine by a device tree");
  }
  return Verdict::fail("none of {} tables is ACPI 2.0's", configuration_tables(bench.facts).size());
}

Verdict config_smbios(FirmwareBench& bench) {
  for (const EfiGuid& guid : {kSmbios3Table, kSmbiosTable}) {
    if (configuration_table(bench.facts, guid)) return Verdict::pass();
  }
  return Verdict::fail("none of {} tables is SMBIOS's", configuration_tables(bench.facts).size());
}

Verdict config_placement(FirmwareBench& bench) {
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  const auto check = [&](const char* name, const EfiGuid& guid, bool boot_data_allowed) {
    const auto at = configuration_table(bench.facts, guid);
    if (!at || *at == 0) return Verdict::pass();
    const auto d = now.find(*at);
    if (!d) return Verdict::pass();  // old firmware: the BIOS area, which no OS touches
    switch (d->type) {
      case EfiMemoryType::BootServicesData:
        if (boot_data_allowed) return Verdict::pass();
        break;
      case EfiMemoryType::Conventional:
      case EfiMemoryType::LoaderCode:
      case EfiMemoryType::LoaderData:
      case EfiMemoryType::BootServicesCode:
        break;
      default:
        return Verdict::pass();
    }
    return Verdict::fail("{}, at {:#x}, is in {}", name, *at, d->type);
  };
  if (const Verdict v = check("ACPI's RSDP", kAcpi20Table, false); v.failed()) return v;
  if (const Verdict v = check("SMBIOS 3", kSmbios3Table, true); v.failed()) return v;
  return check("SMBIOS", kSmbiosTable, true);
}

// EFI_SYSTEM_RESOURCE_TABLE, UEFI 2.10 section 23.4.
struct EsrtHeader {
  uint32_t count, room;
  uint64_t version;
};
struct EsrtEntry {
  EfiGuid firmware_class;
  uint32_t type, version, lowest_version, flags, last_version, last_status;
};
static_assert(sizeof(EsrtHeader) == 16 && sizeof(EsrtEntry) == 40);

Verdict esrt(FirmwareBench& bench) {
  const auto at = configuration_table(bench.facts, kEsrtTable);
  if (!at || *at == 0) return Verdict::skip("this firmware has no ESRT");
  MapSnapshot now;
  if (const Verdict v = take_map(bench, bench.first_map, now); !v.passed()) return v;
  if (!now.describes({{*at}, {*at + sizeof(EsrtHeader)}})) {
    return Verdict::fail("the table, at {:#x}, is in no memory", *at);
  }
  const auto& header = *bench.facts.reach.at<const EsrtHeader>(mm::Phys{*at});
  if (header.version != 1) return Verdict::fail("version {}", header.version);
  if (header.count > header.room) {
    return Verdict::fail("{} entries in room for {}", header.count, header.room);
  }
  const uint64_t first = *at + sizeof(EsrtHeader);
  if (!now.describes({{first}, {first + uint64_t{header.count} * sizeof(EsrtEntry)}})) {
    return Verdict::fail("its {} entries reach beyond memory", header.count);
  }
  const auto* entries = bench.facts.reach.at<const EsrtEntry>(mm::Phys{first});
  for (uint32_t i = 0; i < header.count; ++i) {
    constexpr uint32_t kTypes = 4;
    if (entries[i].type >= kTypes) return Verdict::fail("entry {} has type {}", i, entries[i].type);
  }
  return Verdict::pass();
}

constexpr FirmwareTest kAttributeTests[] = {
    {"efi.mat.form", mat_form}, {"efi.mat.sorted", mat_sorted}, {"efi.mat.inside", mat_inside},
    {"efi.mat.bits", mat_bits}, {"efi.mat.wx", mat_wx},         {"efi.mat.coverage", mat_coverage},
};

constexpr FirmwareTest kTableTests[] = {
    {"efi.tables.headers", headers},
    {"efi.runtime.services", runtime_services},
    {"efi.config.entries", config_entries},
    {"efi.config.acpi", config_acpi},
    {"efi.config.smbios", config_smbios},
    {"efi.config.placement", config_placement},
    {"efi.esrt", esrt},
};

}  // namespace

std::span<const FirmwareTest> attribute_table_tests() { return kAttributeTests; }
std::span<const FirmwareTest> table_tests() { return kTableTests; }

}  // namespace loader
