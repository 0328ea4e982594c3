// The RSDP, the root tables, and what they lead to.
#include "kernel/selftest/table_tests.h"
#include "loader/acpi/tables.h"

namespace kernel {
namespace {

using loader::Severity;
using loader::Verdict;
using Bytes = std::span<const uint8_t>;

std::string_view signature_of(const loader::AcpiTable& table) {
  return {table.signature.data(), table.signature.size()};
}

constexpr size_t kRsdpV1 = 20, kRsdp = 36;

Verdict check_rsdp(const TableFacts& machine) {
  if (machine.told_by_tree) return Verdict::skip("a device tree tells of this machine");
  if (machine.rsdp == 0) return Verdict::fail("the firmware published no ACPI table that is good");
  if (!machine.can_read(machine.rsdp, kRsdp)) {
    return Verdict::fail("the RSDP, at {:#x}, is in no memory", machine.rsdp);
  }
  const Bytes rsdp{machine.map.at<const uint8_t>(mm::Phys{machine.rsdp}), kRsdp};
  if (std::string_view(reinterpret_cast<const char*>(rsdp.data()), 8) != "RSD PTR ") {
    return Verdict::fail("at {:#x} stands no RSDP", machine.rsdp);
  }
  if (const unsigned sum = loader::acpi_checksum(rsdp.data(), kRsdpV1); sum != 0) {
    return Verdict::fail("the first 20 bytes sum to 0x{:02x}", sum);
  }
  const uint8_t revision = rsdp[15];
  if (revision < 2) return Verdict::fail("revision {}", revision);
  const auto length = loader::field<uint32_t>(rsdp, 20);
  if (length < kRsdp || !machine.can_read(machine.rsdp, length)) {
    return Verdict::fail("length {}", length);
  }
  if (const unsigned sum = loader::acpi_checksum(rsdp.data(), length); sum != 0) {
    return Verdict::fail("all {} bytes sum to 0x{:02x}", length, sum);
  }
  return Verdict::pass();
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

Verdict read_root(const TableFacts& machine, uint64_t address, const char* name, size_t pointer,
                  RootTable& root) {
  if (!machine.can_read(address, 36))
    return Verdict::fail("{} at {:#x} is in no memory", name, address);
  const Bytes header{machine.map.at<const uint8_t>(mm::Phys{address}), 36};
  const auto length = loader::field<uint32_t>(header, 4);
  if (std::string_view(reinterpret_cast<const char*>(header.data()), 4) != name || length < 36 ||
      (length - 36) % pointer != 0 || length > loader::kMaxFirmwareTable ||
      !machine.can_read(address, length)) {
    return Verdict::fail("{} at {:#x}: signature or length ({}) is wrong", name, address, length);
  }
  root = {{header.data(), length}, pointer};
  if (loader::acpi_checksum(header.data(), length) != 0) {
    return Verdict::fail("{} at {:#x}: its checksum is wrong", name, address);
  }
  return Verdict::pass();
}

Verdict check_roots(const TableFacts& machine) {
  if (machine.rsdp == 0 || !machine.can_read(machine.rsdp, kRsdp)) return Verdict::skip("no RSDP");
  const Bytes rsdp{machine.map.at<const uint8_t>(mm::Phys{machine.rsdp}), kRsdp};
  if (rsdp[15] < 2) return Verdict::skip("ACPI 1.0: there is no XSDT");
  RootTable xsdt;
  RootTable rsdt;
  if (const Verdict v = read_root(machine, loader::field<uint64_t>(rsdp, 24), "XSDT", 8, xsdt);
      !v.passed())
    return v;
  const auto rsdt_address = loader::field<uint32_t>(rsdp, 16);
  if (rsdt_address == 0) return Verdict::pass();  // allowed: no ACPI 1.0 system will start here
  if (const Verdict v = read_root(machine, rsdt_address, "RSDT", 4, rsdt); !v.passed()) return v;
  if (xsdt.count() > loader::kMaxAcpiTables || rsdt.count() > loader::kMaxAcpiTables) {
    return Verdict::fail("{} and {} pointers are more than the {} that are looked at", xsdt.count(),
                         rsdt.count(), loader::kMaxAcpiTables);
  }
  for (size_t i = 0; i < xsdt.count(); ++i) {
    if (xsdt.at(i) < uint64_t{1} << 32 && !rsdt.has(xsdt.at(i))) {
      return Verdict::fail("the table at {:#x} is in the XSDT only", xsdt.at(i));
    }
  }
  for (size_t i = 0; i < rsdt.count(); ++i) {
    if (!xsdt.has(rsdt.at(i))) {
      return Verdict::fail("the table at {:#x} is in the RSDT only", rsdt.at(i));
    }
  }
  return Verdict::pass();
}

Verdict no_tables() { return Verdict::skip("there are no ACPI tables"); }

Verdict check_checksums(const TableFacts& machine) {
  if (machine.tables.empty()) return no_tables();
  for (const loader::AcpiTable& table : machine.tables) {
    if (table.checksum_good) continue;
    return Verdict::fail("{} at {}", signature_of(table), table.address);
  }
  return Verdict::pass();
}

Verdict check_pointers(const TableFacts& machine) {
  if (machine.tables.empty()) return no_tables();
  if (machine.root.left_out != 0) {
    return Verdict::fail("{} of them stand behind more tables than are looked at",
                         machine.root.left_out);
  }
  if (machine.root.skipped == 0) return Verdict::pass();
  const mm::Error& first = machine.root.first_skipped;
  return Verdict::fail("{} of them; the first: {}", machine.root.skipped, first);
}

Verdict check_placement(const TableFacts& machine) {
  if (machine.tables.empty()) return no_tables();
  for (const loader::AcpiTable& table : machine.tables) {
    for (const uint64_t at : {table.address.v, table.address.v + table.length - 1}) {
      const mm::E820Entry* entry = machine.e820->find(mm::Phys{at});
      if (entry == nullptr || entry->type != mm::E820Type::Ram) continue;
      return Verdict::fail("{} at {} is in usable memory", signature_of(table), table.address);
    }
  }
  return Verdict::pass();
}

Verdict check_duplicates(const TableFacts& machine) {
  if (machine.tables.empty()) return no_tables();
  if (machine.root.duplicates != 0) {
    return Verdict::fail("{} pointers lead to what is listed already; the first: {}",
                         machine.root.duplicates, machine.root.first_duplicate);
  }
  constexpr std::string_view kOnce[] = {"APIC", "SRAT", "SLIT", "FACP", "DSDT",
                                        "FACS", "MCFG", "HMAT", "CEDT"};
  for (size_t i = 0; i < machine.tables.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (signature_of(machine.tables[i]) != signature_of(machine.tables[j])) continue;
      for (const std::string_view once : kOnce) {
        if (signature_of(machine.tables[i]) != once) continue;
        return Verdict::fail("{} at {} and at {}", once, machine.tables[j].address,
                             machine.tables[i].address);
      }
    }
  }
  return Verdict::pass();
}

constexpr TableTest kTests[] = {
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
};

}  // namespace

std::span<const TableTest> acpi_root_tests() { return kTests; }

}  // namespace kernel
