#include "kernel/selftest/table_tests.h"

#include "kernel/selftest/table_tests_affinity.h"
#include "loader/acpi/smbios.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace {

using loader::Facts;
using loader::fail;
using loader::Outcome;
using loader::Severity;
using loader::skip;
using enum loader::Outcome;
using Bytes = std::span<const uint8_t>;

std::string_view signature_of(const loader::AcpiTable& table) {
  return {table.signature.data(), table.signature.size()};
}

// --- Roots ---------------------------------------------------------------------------------------

constexpr size_t kRsdpV1 = 20, kRsdp = 36;

Outcome check_rsdp(const TableFacts& machine, Facts& facts) {
  if (machine.rsdp == 0) return fail(facts, "the firmware published no ACPI table that is good");
  if (!machine.can_read(machine.rsdp, kRsdp)) {
    return fail(facts, "the RSDP, at {:#x}, is in no memory", machine.rsdp);
  }
  const Bytes rsdp{machine.map.at<const uint8_t>(mm::Phys{machine.rsdp}), kRsdp};
  if (std::string_view(reinterpret_cast<const char*>(rsdp.data()), 8) != "RSD PTR ") {
    return fail(facts, "at {:#x} stands no RSDP", machine.rsdp);
  }
  if (const unsigned sum = loader::acpi_checksum(rsdp.data(), kRsdpV1); sum != 0) {
    return fail(facts, "the first 20 bytes sum to 0x{:02x}", sum);
  }
  const uint8_t revision = rsdp[15];
  if (revision < 2) return fail(facts, "revision {}", revision);
  const auto length = loader::field<uint32_t>(rsdp, 20);
  if (length < kRsdp || !machine.can_read(machine.rsdp, length)) {
    return fail(facts, "length {}", length);
  }
  if (const unsigned sum = loader::acpi_checksum(rsdp.data(), length); sum != 0) {
    return fail(facts, "all {} bytes sum to 0x{:02x}", length, sum);
  }
  return Pass;
}

// The pointers of a root table, 4 or 8 bytes each.
struct RootTable {
  Bytes bytes;
  size_t pointer = 4;

  [[nodiscard]] size_t count() const { return (bytes.size() - 36) / pointer; }
  [[nodiscard]] uint64_t at(size_t i) const {
    return pointer == 8 ? loader::field<uint64_t>(bytes, 36 + 8 * i)
                        : loader::field<uint32_t>(bytes, 36 + 4 * i);
  }
  [[nodiscard]] bool has(uint64_t address) const {
    for (size_t i = 0; i < count(); ++i) {
      if (at(i) == address) return true;
    }
    return false;
  }
};

Outcome read_root(const TableFacts& machine, uint64_t address, const char* name, size_t pointer,
                  RootTable& root, Facts& facts) {
  if (!machine.can_read(address, 36))
    return fail(facts, "{} at {:#x} is in no memory", name, address);
  const Bytes header{machine.map.at<const uint8_t>(mm::Phys{address}), 36};
  const auto length = loader::field<uint32_t>(header, 4);
  if (std::string_view(reinterpret_cast<const char*>(header.data()), 4) != name || length < 36 ||
      (length - 36) % pointer != 0 || length > loader::kMaxFirmwareTable ||
      !machine.can_read(address, length)) {
    return fail(facts, "{} at {:#x}: signature or length ({}) is wrong", name, address, length);
  }
  root = {{header.data(), length}, pointer};
  if (loader::acpi_checksum(header.data(), length) != 0) {
    return fail(facts, "{} at {:#x}: its checksum is wrong", name, address);
  }
  return Pass;
}

Outcome check_roots(const TableFacts& machine, Facts& facts) {
  if (machine.rsdp == 0 || !machine.can_read(machine.rsdp, kRsdp)) return skip(facts, "no RSDP");
  const Bytes rsdp{machine.map.at<const uint8_t>(mm::Phys{machine.rsdp}), kRsdp};
  if (rsdp[15] < 2) return skip(facts, "ACPI 1.0: there is no XSDT");
  RootTable xsdt;
  RootTable rsdt;
  if (read_root(machine, loader::field<uint64_t>(rsdp, 24), "XSDT", 8, xsdt, facts) != Pass)
    return Fail;
  const auto rsdt_address = loader::field<uint32_t>(rsdp, 16);
  if (rsdt_address == 0) return Pass;  // allowed: no ACPI 1.0 system will start here
  if (read_root(machine, rsdt_address, "RSDT", 4, rsdt, facts) != Pass) return Fail;
  if (xsdt.count() > loader::kMaxAcpiTables || rsdt.count() > loader::kMaxAcpiTables) {
    return fail(facts, "{} and {} pointers are more than the {} that are looked at", xsdt.count(),
                rsdt.count(), loader::kMaxAcpiTables);
  }
  for (size_t i = 0; i < xsdt.count(); ++i) {
    if (xsdt.at(i) < uint64_t{1} << 32 && !rsdt.has(xsdt.at(i))) {
      return fail(facts, "the table at {:#x} is in the XSDT only", xsdt.at(i));
    }
  }
  for (size_t i = 0; i < rsdt.count(); ++i) {
    if (!xsdt.has(rsdt.at(i))) {
      return fail(facts, "the table at {:#x} is in the RSDT only", rsdt.at(i));
    }
  }
  return Pass;
}

Outcome no_tables(Facts& facts) { return skip(facts, "there are no ACPI tables"); }

Outcome check_checksums(const TableFacts& machine, Facts& facts) {
  if (machine.tables.empty()) return no_tables(facts);
  for (const loader::AcpiTable& table : machine.tables) {
    if (table.checksum_good) continue;
    return fail(facts, "{} at {}", signature_of(table), table.address);
  }
  return Pass;
}

Outcome check_pointers(const TableFacts& machine, Facts& facts) {
  if (machine.tables.empty()) return no_tables(facts);
  if (machine.root.left_out != 0) {
    return fail(facts, "{} of them stand behind more tables than are looked at",
                machine.root.left_out);
  }
  if (machine.root.skipped == 0) return Pass;
  const mm::Error& first = machine.root.first_skipped;
  return fail(facts, "{} of them; the first: {}", machine.root.skipped, first);
}

Outcome check_placement(const TableFacts& machine, Facts& facts) {
  if (machine.tables.empty()) return no_tables(facts);
  for (const loader::AcpiTable& table : machine.tables) {
    for (const uint64_t at : {table.address.v, table.address.v + table.length - 1}) {
      const mm::E820Entry* entry = machine.e820->find(mm::Phys{at});
      if (entry == nullptr || entry->type != mm::E820Type::Ram) continue;
      return fail(facts, "{} at {} is in usable memory", signature_of(table), table.address);
    }
  }
  return Pass;
}

Outcome check_duplicates(const TableFacts& machine, Facts& facts) {
  if (machine.tables.empty()) return no_tables(facts);
  if (machine.root.duplicates != 0) {
    return fail(facts, "{} pointers lead to what is listed already; the first: {}",
                machine.root.duplicates, machine.root.first_duplicate);
  }
  constexpr std::string_view kOnce[] = {"APIC", "SRAT", "SLIT", "FACP", "DSDT",
                                        "FACS", "MCFG", "HMAT", "CEDT"};
  for (size_t i = 0; i < machine.tables.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (signature_of(machine.tables[i]) != signature_of(machine.tables[j])) continue;
      for (const std::string_view once : kOnce) {
        if (signature_of(machine.tables[i]) != once) continue;
        return fail(facts, "{} at {} and at {}", once, machine.tables[j].address,
                    machine.tables[i].address);
      }
    }
  }
  return Pass;
}

// --- MCFG ----------------------------------------------------------------------------------------

constexpr size_t kMcfgFirst = 44, kMcfgEntry = 16;

Outcome check_mcfg_form(const TableFacts& machine, Facts& facts) {
  const Bytes mcfg = machine.table("MCFG");
  if (mcfg.empty()) return skip(facts, "this machine has no MCFG");
  if (mcfg.size() < kMcfgFirst || (mcfg.size() - kMcfgFirst) % kMcfgEntry != 0) {
    return fail(facts, "{} bytes", mcfg.size());
  }
  for (size_t at = kMcfgFirst; at < mcfg.size(); at += kMcfgEntry) {
    const unsigned first = mcfg[at + 10];
    const unsigned last = mcfg[at + 11];
    if (first > last) return fail(facts, "buses from {} to {}", first, last);
  }
  return Pass;
}

Outcome check_mcfg_reserved(const TableFacts& machine, Facts& facts) {
  const Bytes mcfg = machine.table("MCFG");
  if (mcfg.size() < kMcfgFirst) return skip(facts, "no MCFG that can be read");
  for (size_t at = kMcfgFirst; at + kMcfgEntry <= mcfg.size(); at += kMcfgEntry) {
    const auto base = loader::field<uint64_t>(mcfg, at);
    const uint64_t start = base + (uint64_t{mcfg[at + 10]} << 20);
    const uint64_t end = base + ((uint64_t{mcfg[at + 11]} + 1) << 20);
    for (mm::Phys p{start}; p.v < end;) {
      const mm::E820Entry* entry = machine.e820->find(p);
      if (entry == nullptr) {
        return skip(facts,
                    "{}, of [{:#x}-{:#x}), is not in the map; ACPI's namespace may reserve it", p,
                    start, end);
      }
      if (entry->type == mm::E820Type::Ram) {
        return fail(facts, "{}, of [{:#x}-{:#x}), is usable memory", p, start, end);
      }
      p = entry->range.end;
    }
  }
  return Pass;
}

// --- BIOS areas, MTRRs, holes --------------------------------------------------------------------

Outcome check_ebda(const TableFacts& machine, Facts& facts) {
  constexpr uint64_t kPointer = 0x40e, kLowest = 0x80000, kEnd = 0xa0000;
  if (!machine.can_read(kPointer, 2)) return skip(facts, "page 0 is not mapped");
  uint16_t segment = 0;
  __builtin_memcpy(&segment, machine.map.at<const uint8_t>(mm::Phys{kPointer}), sizeof segment);
  const uint64_t ebda = uint64_t{segment} << 4;
  if (ebda < kLowest || ebda >= kEnd) return skip(facts, "this firmware has no EBDA");
  const mm::E820Entry* entry = machine.e820->find(mm::Phys{ebda});
  if (entry == nullptr || entry->type != mm::E820Type::Ram) return Pass;
  return fail(facts, "the EBDA at {:#x} is usable memory", ebda);
}

Outcome check_bios_area(const TableFacts& machine, Facts& facts) {
  if (machine.trims.bytes_of(mm::kBiosHole) == 0) return Pass;
  return fail(facts, "{} bytes of [0xa0000-0x100000) were called usable",
              machine.trims.bytes_of(mm::kBiosHole));
}

Outcome check_write_back(const TableFacts& machine, Facts& facts) {
  if (machine.mtrrs.empty() || !machine.mtrrs[0].supported) {
    return skip(facts, "the CPU has no MTRRs");
  }
  if (const mm::Range& lost = machine.trims.first_uncached; !lost.empty()) {
    const mm::TypedStretch stretch = mm::memory_type_at(machine.mtrrs[0], lost.start);
    return fail(facts, "RAM at {} is {}: {} KiB are not used", lost.start,
                mm::memory_type_name(stretch.type),
                machine.trims.bytes_of(mm::kUncached) / mm::kKiB);
  }
  for (const mm::E820Entry& entry : machine.e820->entries()) {
    if (entry.type != mm::E820Type::Ram) continue;
    for (mm::Phys at = entry.range.start; at < entry.range.end;) {
      const mm::TypedStretch stretch = mm::memory_type_at(machine.mtrrs[0], at);
      if (stretch.type != mm::MemoryType::WriteBack) {
        return fail(facts, "RAM at {} is {}", at, mm::memory_type_name(stretch.type));
      }
      at = stretch.end;
    }
  }
  return Pass;
}

Outcome check_alike(const TableFacts& machine, Facts& facts) {
  if (machine.mtrrs.empty() || !machine.mtrrs[0].supported) {
    return skip(facts, "the CPU has no MTRRs");
  }
  if (machine.mtrrs.size() == 1) return skip(facts, "one CPU is up: nothing to compare it with");
  for (size_t i = 1; i < machine.mtrrs.size(); ++i) {
    if (machine.mtrrs[i] != machine.mtrrs[0]) {
      return fail(facts, "CPU {}'s differ from the boot CPU's", i);
    }
  }
  return Pass;
}

// Address space that a PC keeps from RAM, described or not: the hole below 16 MiB that chipsets
// open for ISA cards, and from the I/O APICs on the APICs, the chipset's registers and the ROM up
// to 4 GiB. RAM that would lie there is moved above 4 GiB.
constexpr mm::Range kNeverRam[] = {{mm::Phys{15 * mm::kMiB}, mm::Phys{16 * mm::kMiB}},
                                   {mm::Phys{0xfec0'0000}, mm::Phys{4 * mm::kGiB}}};

Outcome check_holes(const TableFacts& machine, Facts& facts) {
  constexpr uint64_t kSection = 128 * mm::kMiB;
  const mm::E820Entry* before = nullptr;
  for (const mm::E820Entry& entry : machine.e820->entries()) {
    const mm::E820Entry* last = before;
    before = &entry;
    // Below the end of the BIOS area no rule holds.
    if (last == nullptr || last->range.end.v <= mm::kMiB) continue;
    mm::Range hole{last->range.end, entry.range.start};
    if (hole.size() >= kSection) continue;
    bool behind_ram = last->type == mm::E820Type::Ram;
    bool before_ram = entry.type == mm::E820Type::Ram;
    for (const mm::Range& window : kNeverRam) {
      if (window.contains(hole.start)) {
        hole.start = window.end;
        behind_ram = false;
      }
      if (window.start < hole.end && hole.end <= window.end) {
        hole.end = window.start;
        before_ram = false;
      }
    }
    if (!hole.empty() && (behind_ram || before_ram)) {
      return fail(facts, "nobody describes {}, {} KiB beside RAM", hole, hole.size() / mm::kKiB);
    }
  }
  return Pass;
}

// --- SMBIOS --------------------------------------------------------------------------------------

// All of the structure table; Skip without one, Fail when it cannot be read.
Outcome find_structures(const TableFacts& machine, Bytes& table, Facts& facts) {
  if (machine.smbios == 0) return skip(facts, "this machine has no SMBIOS");
  const size_t size = machine.smbios_version == 3 ? 24 : 31;
  if (!machine.can_read(machine.smbios, size)) {
    return fail(facts, "the entry point, at {:#x}, is in no memory", machine.smbios);
  }
  const auto entry =
      loader::smbios_entry({machine.map.at<const uint8_t>(mm::Phys{machine.smbios}), size});
  if (!entry) return fail(facts, "the entry point at {:#x} is not one", machine.smbios);
  if (entry->size > loader::kMaxFirmwareTable) {
    return fail(facts, "the table [{:#x}-{:#x}) is longer than any", entry->table,
                entry->table + entry->size);
  }
  if (!machine.can_read(entry->table, entry->size)) {
    return fail(facts, "the table [{:#x}-{:#x}) is in no memory", entry->table,
                entry->table + entry->size);
  }
  table = {machine.map.at<const uint8_t>(mm::Phys{entry->table}), entry->size};
  return Pass;
}

Outcome check_smbios_form(const TableFacts& machine, Facts& facts) {
  Bytes table;
  if (const Outcome found = find_structures(machine, table, facts); found != Pass) return found;
  loader::SmbiosStructures structures(table);
  while (structures.next()) {
  }
  if (structures.well_ended()) return Pass;
  return fail(facts, "the structure at offset {} of {} does not end", structures.offset(),
              table.size());
}

Outcome structures_or_skip(const TableFacts& machine, Bytes& table, Facts& facts) {
  Facts form;
  if (find_structures(machine, table, form) == Pass) return Pass;
  return skip(facts, "no SMBIOS that can be read");
}

Outcome check_smbios_total(const TableFacts& machine, Facts& facts) {
  Bytes table;
  if (structures_or_skip(machine, table, facts) != Pass) return Skip;
  uint64_t modules = 0;
  loader::SmbiosStructures structures(table);
  while (const auto s = structures.next()) {
    if (const auto device = loader::memory_device(*s)) modules += device->size;
  }
  if (modules == 0) return skip(facts, "SMBIOS names no memory module");
  const uint64_t usable = machine.e820->total(mm::E820Type::Ram);
  // Graphics and management engines may have an eighth, and 512 MiB more.
  const uint64_t least = modules - modules / 8;
  if (usable > modules || usable + 512 * mm::kMiB < least) {
    return fail(facts, "{} MiB are usable, the modules have {} MiB", usable / mm::kMiB,
                modules / mm::kMiB);
  }
  return Pass;
}

Outcome check_smbios_arrays(const TableFacts& machine, Facts& facts) {
  Bytes table;
  if (structures_or_skip(machine, table, facts) != Pass) return Skip;
  constexpr size_t kMaxArrays = 256;  // each costs a walk
  size_t any = 0;
  loader::SmbiosStructures arrays(table);
  while (const auto s = arrays.next()) {
    const auto array = loader::memory_array(*s);
    if (!array) continue;
    if (++any > kMaxArrays) return fail(facts, "there are more than {} arrays", kMaxArrays);
    uint64_t modules = 0;
    unsigned devices = 0;
    loader::SmbiosStructures structures(table);
    while (const auto other = structures.next()) {
      const auto device = loader::memory_device(*other);
      if (!device || device->array != s->handle) continue;
      modules += device->size;
      ++devices;
    }
    if (devices != array->devices) {
      return fail(facts, "array {:#x} has {} sockets, {} are described", s->handle, array->devices,
                  devices);
    }
    if (array->capacity != 0 && modules > array->capacity) {
      return fail(facts, "array {:#x} takes {} MiB, its modules have {} MiB", s->handle,
                  array->capacity / mm::kMiB, modules / mm::kMiB);
    }
  }
  return any != 0 ? Pass : skip(facts, "SMBIOS names no array of main memory");
}

Outcome check_smbios_ranges(const TableFacts& machine, Facts& facts) {
  Bytes table;
  if (structures_or_skip(machine, table, facts) != Pass) return Skip;
  constexpr size_t kMaxWalks = 1024;
  size_t walks = 0;
  bool any = false;
  for (const mm::E820Entry& entry : machine.e820->entries()) {
    if (entry.type != mm::E820Type::Ram) continue;
    for (mm::Phys at = entry.range.start; at < entry.range.end;) {
      const mm::Phys before = at;
      if (++walks > kMaxWalks) return fail(facts, "it is in more than {} pieces", kMaxWalks);
      loader::SmbiosStructures structures(table);
      while (const auto s = structures.next()) {
        const auto range = loader::mapped_range(*s);
        any = any || range;
        if (range && range->contains(at)) at = range->end;
      }
      if (!any) return skip(facts, "SMBIOS maps no addresses");
      if (at == before) {
        return fail(facts, "RAM at {} (of {}) is in no memory array", at, entry.range);
      }
    }
  }
  return Pass;
}

// --- Rows ----------------------------------------------------------------------------------------

constexpr TableTest kAcpiTests[] = {
    {{"acpi.rsdp", "the RSDP is ACPI 2.0's and its checksums are right", Severity::Critical,
      "ACPI 6.5 section 5.2.5.3",
      "An OS finds no ACPI tables and so neither CPUs nor nodes. Firmware vendor."},
     check_rsdp},
    {{"acpi.roots", "XSDT and RSDT are sound and list the same tables", Severity::High,
      "ACPI 6.5 sections 5.2.7 and 5.2.8: one list in two widths",
      "Two OSes see two machines. Firmware vendor."},
     check_roots},
    {{"acpi.checksums", "every table's bytes sum to zero", Severity::High, "ACPI 6.5 section 5.2.6",
      "An OS ignores the table, or believes what is damaged. Firmware "
      "vendor."},
     check_checksums},
    {{"acpi.pointers", "every pointer leads to a table", Severity::High,
      "ACPI 6.5 sections 5.2.6 to 5.2.9: an address in memory, a length of 36 bytes at least",
      "An OS may crash reading it. Firmware vendor."},
     check_pointers},
    {{"acpi.placement", "no table lies in usable memory", Severity::Critical,
      "UEFI 2.10 section 2.3.4: ACPI reclaim, NVS or reserved memory",
      "An OS overwrites the table before it reads it. Firmware vendor."},
     check_placement,
     kRamAdded},
    {{"acpi.duplicates", "tables of which there is one are there once", Severity::Medium,
      "ACPI 6.5 section 5.2.6: OEMs add tables, but these describe the whole machine",
      "Which of them counts is chance; Linux takes the first. Firmware vendor, or whoever added a "
      "table."},
     check_duplicates},
    {{"acpi.madt.form", "the MADT's entries have their types' lengths", Severity::High,
      "ACPI 6.5 section 5.2.12", "CPUs or interrupts are missing. Firmware vendor."},
     check_madt_form},
    {{"acpi.madt.cpus", "each CPU is in the MADT once, the boot CPU among them", Severity::High,
      "ACPI 6.5 section 5.2.12.2", "CPUs are missing or started twice. Firmware vendor."},
     check_madt_cpus},
    {{"acpi.madt.x2apic", "x2APIC entries are for ids from 255 on", Severity::Low,
      "ACPI 6.5 section 5.2.12.12", "OSes without x2APIC do not see these CPUs. Firmware vendor."},
     check_madt_x2apic},
    {{"acpi.madt.addresses", "interrupt controllers lie where the CPU reaches them, in no memory",
      Severity::High, "ACPI 6.5 sections 5.2.12, 5.2.12.3 and 5.2.12.8",
      "No interrupts, or an OS that writes into its own memory. Firmware vendor."},
     check_madt_addresses,
     kRamAdded},
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
      "ACPI 6.5 sections 5.2.16.1 and 5.2.16.3",
      "An OS guesses the CPU's node, and its memory is far. Firmware vendor."},
     check_srat_cpus},
    {{"acpi.srat.apic-ids", "no CPU is in two domains", Severity::Medium,
      "ACPI 6.5 section 5.2.16.1", "Which of them counts is chance. Firmware vendor."},
     check_srat_apic_ids},
    {{"acpi.slit.size", "the SLIT is as long as its localities ask for", Severity::Medium,
      "ACPI 6.5 section 5.2.17: N squared distances",
      "An OS ignores it: all nodes count as equally far. Firmware vendor."},
     check_slit_size},
    {{"acpi.slit.diagonal", "the distance to itself is 10", Severity::Medium,
      "ACPI 6.5 section 5.2.17; Linux ignores the table otherwise",
      "All nodes count as equally far. Firmware vendor."},
     check_slit_diagonal},
    {{"acpi.slit.reserved", "distances to others are above 10", Severity::Medium,
      "ACPI 6.5 section 5.2.17: 0 to 9 are reserved, 10 is the distance to itself",
      "Linux ignores the table: all nodes count as equally far. Firmware vendor."},
     check_slit_reserved},
    {{"acpi.slit.symmetry", "distances are the same both ways", Severity::Low,
      "ACPI 6.5 section 5.2.17 allows them to differ",
      "Usually a slip in a table made by hand. Firmware vendor, if it looks wrong."},
     check_slit_symmetry},
    {{"acpi.slit.domains", "the SLIT has a row for each domain of the SRAT", Severity::Medium,
      "ACPI 6.5 section 5.2.17: the number of localities",
      "Distances of some nodes are defaults. Firmware vendor."},
     check_slit_domains},
    {{"acpi.hmat.form", "the HMAT's structures have the lengths they should", Severity::Low,
      "ACPI 6.5 section 5.2.28", "Bandwidth and latency of nodes stay unknown. Firmware vendor."},
     check_hmat_form},
    {{"acpi.hmat.domains", "the HMAT's domains are in the SRAT", Severity::Low,
      "ACPI 6.5 section 5.2.28.3", "An OS ignores what is said of them. Firmware vendor."},
     check_hmat_domains},
    {{"acpi.cedt.form", "the CEDT's windows come in units of 256 MiB", Severity::Medium,
      "CXL 3.0 section 9.17.1.3", "CXL memory cannot be used. Firmware vendor."},
     check_cedt_form},
    {{"acpi.cedt.windows", "CXL windows do not overlap", Severity::High, "CXL 3.0 section 9.17.1.3",
      "Two devices answer one address. Firmware vendor."},
     check_cedt_windows},
    {{"acpi.mcfg.form", "the MCFG lists whole ranges of buses", Severity::Medium,
      "PCI Firmware 3.3 section 4.1.2",
      "PCI Express devices lack their upper registers. Firmware "
      "vendor."},
     check_mcfg_form},
    {{"acpi.mcfg.reserved", "PCI configuration space is not usable memory", Severity::Critical,
      "PCI Firmware 3.3 section 4.1.2: reserved, in the map or in ACPI's namespace",
      "An OS gives device registers out as memory. Firmware vendor."},
     check_mcfg_reserved,
     kRamAdded},
};

constexpr TableTest kMachineTests[] = {
    {{"machine.ebda", "the extended BIOS data area is not usable memory", Severity::High,
      "PC BIOS: its segment stands at 0x40e; fwts ebda_region",
      "An OS overwrites what SMM code may use. Firmware vendor."},
     check_ebda,
     kRamAdded},
    {{"machine.bios-area", "[640 KiB, 1 MiB) is not usable memory", Severity::Medium,
      "PC: display memory and option ROMs; Linux takes it out whatever the map says",
      "An OS that believes the map writes into device memory. Firmware vendor."},
     check_bios_area,
     kRamAdded},
    {{"machine.mtrr.write-back", "the CPU caches all RAM", Severity::High,
      "Intel SDM vol. 3A section 12.11: MTRRs make RAM write-back; fwts mtrr",
      "RAM that is not cached is many times slower; Linux drops it. Firmware vendor."},
     check_write_back,
     kRamAdded},
    {{"machine.mtrr.alike", "all CPUs have the same MTRRs", Severity::High,
      "Intel SDM vol. 3A section 12.11.8",
      "CPUs see different memory; anything may be corrupted. "
      "Firmware vendor."},
     check_alike},
    {{"machine.holes", "no hole smaller than a section beside RAM", Severity::Low,
      "Linux counts memory in sections of 128 MiB; UEFI 2.10 section 7.2.3: all memory is "
      "described. The ISA hole below 16 MiB and the APICs' and the ROM's window below 4 GiB are no "
      "memory",
      "RAM was left out of the map, or something uses it silently. Firmware vendor."},
     check_holes,
     kRamTaken | kRamAdded},
    {{"machine.smbios.form", "the SMBIOS table is well formed to its end", Severity::Low,
      "DSP0134 3.6 sections 5.2 and 6.1",
      "Nobody can say which memory module is where. Firmware "
      "vendor."},
     check_smbios_form},
    {{"machine.smbios.total", "usable memory is what the modules have", Severity::High,
      "DSP0134 3.6 section 7.18: sizes of memory devices, held against the memory map",
      "A module is not used: seat it again, look at the firmware's settings, then its vendor."},
     check_smbios_total,
     kRamTaken | kRamAdded},
    {{"machine.smbios.arrays", "every memory module has its socket", Severity::Low,
      "DSP0134 3.6 sections 7.17 and 7.18",
      "What the firmware tells of sockets and how much they take is wrong. Firmware vendor."},
     check_smbios_arrays},
    {{"machine.smbios.ranges", "all RAM is in a memory array's addresses", Severity::Low,
      "DSP0134 3.6 section 7.20",
      "Errors in some memory cannot be traced to a module. Firmware vendor."},
     check_smbios_ranges,
     kRamAdded},
};

}  // namespace

std::span<const uint8_t> TableFacts::table(std::string_view signature) const {
  for (const loader::AcpiTable& t : tables) {
    if (signature_of(t) == signature) return {map.at<const uint8_t>(t.address), t.length};
  }
  return {};
}

Outcome run_table_test(const TableTest& test, const TableFacts& machine, Facts& facts) {
  Facts found;
  const Outcome outcome = test.check(machine, found);
  if (outcome == Fail && (test.upset_by & machine.changes) != 0) {
    return skip(facts, "{} the memory map, so this may be no fault: {}",
                machine.trims.bytes_of(mm::kUncached) != 0 ? "uncached RAM was taken out of"
                                                           : "mem= or memmap= changed",
                found.text());
  }
  facts = found;
  return outcome;
}

std::span<const TableTest> acpi_tests() { return kAcpiTests; }
std::span<const TableTest> machine_tests() { return kMachineTests; }

}  // namespace kernel
