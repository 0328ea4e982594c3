// SMBIOS, by itself and against the memory map.
#include "kernel/selftest/table_tests.h"
#include "loader/acpi/smbios.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace {

using loader::Severity;
using loader::Verdict;
using Bytes = std::span<const uint8_t>;

// All of the structure table; Skip without one, Fail when it cannot be read.
Verdict find_structures(const TableFacts& machine, Bytes& table) {
  if (machine.smbios == 0) return Verdict::skip("this machine has no SMBIOS");
  if (machine.smbios_displaced) {
    return Verdict::skip("what is at {:#x} has no place beside the kernel", machine.smbios);
  }
  const size_t size = machine.smbios_version == 3 ? 24 : 31;
  if (!machine.can_read(machine.smbios, size)) {
    return Verdict::fail("the entry point, at {:#x}, is in no memory", machine.smbios);
  }
  const auto entry =
      loader::smbios_entry({machine.map.at<const uint8_t>(mm::Phys{machine.smbios}), size});
  if (!entry) return Verdict::fail("the entry point at {:#x} is not one", machine.smbios);
  if (entry->size > loader::kMaxFirmwareTable) {
    return Verdict::fail("the table [{:#x}-{:#x}) is longer than any", entry->table,
                         entry->table + entry->size);
  }
  if (!machine.can_read(entry->table, entry->size)) {
    return Verdict::fail("the table [{:#x}-{:#x}) is in no memory", entry->table,
                         entry->table + entry->size);
  }
  table = {machine.map.at<const uint8_t>(mm::Phys{entry->table}), static_cast<size_t>(entry->size)};
  return Verdict::pass();
}

Verdict check_smbios_form(const TableFacts& machine) {
  Bytes table;
  if (const Verdict found = find_structures(machine, table); !found.passed()) return found;
  loader::SmbiosStructures structures(table);
  while (structures.next()) {
  }
  if (structures.well_ended()) return Verdict::pass();
  return Verdict::fail("the structure at offset {} of {} does not end", structures.offset(),
                       table.size());
}

Verdict structures_or_skip(const TableFacts& machine, Bytes& table) {
  if (find_structures(machine, table).passed()) return Verdict::pass();
  return Verdict::skip("no SMBIOS that can be read");
}

Verdict check_smbios_total(const TableFacts& machine) {
  Bytes table;
  if (const Verdict v = structures_or_skip(machine, table); !v.passed()) return v;
  uint64_t modules = 0;
  loader::SmbiosStructures structures(table);
  while (const auto s = structures.next()) {
    if (const auto device = loader::memory_device(*s)) modules += device->size;
  }
  if (modules == 0) return Verdict::skip("SMBIOS names no memory module");
  const uint64_t usable = machine.e820->total(mm::E820Type::Ram);
  // Modules may have what page tables of this form do not reach; or nothing does, whatever the firmware says.
  const uint64_t unreached = machine.trims.bytes_of(mm::kUnreachable);
  // Graphics and management engines may have an eighth, and 512 MiB more.
  const uint64_t least = modules - modules / 8;
  if (usable > modules || usable + unreached + 512 * mm::kMiB < least) {
    return Verdict::fail("{} MiB are usable, the modules have {} MiB", usable / mm::kMiB,
                         modules / mm::kMiB);
  }
  return Verdict::pass();
}

Verdict check_smbios_arrays(const TableFacts& machine) {
  Bytes table;
  if (const Verdict v = structures_or_skip(machine, table); !v.passed()) return v;
  constexpr size_t kMaxArrays = 256;  // each costs a walk
  size_t any = 0;
  loader::SmbiosStructures arrays(table);
  while (const auto s = arrays.next()) {
    const auto array = loader::memory_array(*s);
    if (!array) continue;
    if (++any > kMaxArrays) return Verdict::fail("there are more than {} arrays", kMaxArrays);
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
      return Verdict::fail("array {:#x} has {} sockets, {} are described", s->handle,
                           array->devices, devices);
    }
    if (array->capacity != 0 && modules > array->capacity) {
      return Verdict::fail("array {:#x} takes {} MiB, its modules have {} MiB", s->handle,
                           array->capacity / mm::kMiB, modules / mm::kMiB);
    }
  }
  return any != 0 ? Verdict::pass() : Verdict::skip("SMBIOS names no array of main memory");
}

Verdict check_smbios_ranges(const TableFacts& machine) {
  Bytes table;
  if (const Verdict v = structures_or_skip(machine, table); !v.passed()) return v;
  constexpr size_t kMaxWalks = 1024;
  size_t walks = 0;
  bool any = false;
  for (const mm::E820Entry& entry : machine.e820->entries()) {
    if (entry.type != mm::E820Type::Ram) continue;
    for (mm::Phys at = entry.range.start; at < entry.range.end;) {
      const mm::Phys before = at;
      if (++walks > kMaxWalks) return Verdict::fail("it is in more than {} pieces", kMaxWalks);
      loader::SmbiosStructures structures(table);
      while (const auto s = structures.next()) {
        const auto range = loader::mapped_range(*s);
        any = any || range;
        if (range && range->contains(at)) at = range->end;
      }
      if (!any) return Verdict::skip("SMBIOS maps no addresses");
      if (at == before) {
        return Verdict::fail("RAM at {} (of {}) is in no memory array", at, entry.range);
      }
    }
  }
  return Verdict::pass();
}

constexpr TableTest kTests[] = {
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

std::span<const TableTest> smbios_tests() { return kTests; }

}  // namespace kernel
