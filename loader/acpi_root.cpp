#include "loader/acpi_root.h"

#include <bit>
#include <string_view>

namespace loader {
namespace {

using mm::Error;
using mm::Phys;
using mm::Result;

// ACPI 6.5 table 5.3. The first 20 bytes are ACPI 1.0's.
struct __attribute__((packed)) Rsdp {
  char signature[8];
  uint8_t checksum;
  char oem_id[6];
  uint8_t revision;
  uint32_t rsdt;
  uint32_t length;
  uint64_t xsdt;
  uint8_t extended_checksum;
  uint8_t reserved[3];
};
static_assert(sizeof(Rsdp) == 36);
constexpr size_t kRsdpV1Size = 20;

// Where the FADT keeps the addresses of FACS and DSDT (ACPI 6.5 table 5.9).
constexpr size_t kFadtFacs = 36, kFadtDsdt = 40, kFadtXFacs = 132, kFadtXDsdt = 140;

template <class T>
T read(const std::byte* from) {
  std::array<std::byte, sizeof(T)> raw;
  for (size_t i = 0; i < sizeof(T); ++i) raw[i] = from[i];
  return std::bit_cast<T>(raw);
}

bool is(const std::array<char, 4>& signature, std::string_view text) {
  return std::string_view(signature.data(), 4) == text;
}

}  // namespace

uint8_t acpi_checksum(const void* bytes, size_t size) {
  const auto* b = static_cast<const uint8_t*>(bytes);
  unsigned sum = 0;
  for (size_t i = 0; i < size; ++i) sum += b[i];
  return static_cast<uint8_t>(sum);
}

// Counts all tables, keeps as many as there is room for.
struct AcpiWalk::List {
  std::span<AcpiTable> tables;
  AcpiRoot& root;
  size_t found = 0;

  void add(const Result<AcpiTable>& table) {
    if (!table.ok()) {
      if (root.skipped++ == 0) root.first_skipped = table.error();
      return;
    }
    for (size_t i = 0; i < found && i < tables.size(); ++i) {
      if (tables[i].address == table.value().address) return;  // listed twice: one table
    }
    if (found < tables.size()) tables[found] = table.value();
    ++found;
  }
};

bool AcpiWalk::can_read(Phys address, uint64_t size) const {
  if (address == Phys{0} || size > mm::kMaxPhys || address.v > mm::kMaxPhys - size) return false;
  return readable_(context_, {address, address + size});
}

Result<AcpiTable> AcpiWalk::table_at(Phys address) const {
  if (!can_read(address, sizeof(AcpiHeader))) {
    return Error{"table's address cannot be read (address)", "ACPI", address.v, 0};
  }
  const auto* header = map_.at<const AcpiHeader>(address);
  AcpiTable table{{}, address, header->length, false};
  for (size_t i = 0; i < 4; ++i) table.signature[i] = header->signature[i];
  if (is(table.signature, "FACS")) {
    if (table.length < 64) {
      return Error{"FACS is shorter than 64 bytes (address, length)", "ACPI", address.v,
                   table.length};
    }
  } else if (table.length < sizeof(AcpiHeader)) {
    return Error{"table is shorter than its header (address, length)", "ACPI", address.v,
                 table.length};
  }
  if (!can_read(address, table.length)) {
    return Error{"table ends where nothing can be read (address, length)", "ACPI", address.v,
                 table.length};
  }
  table.checksum_good =
      is(table.signature, "FACS") || acpi_checksum(map_.at(address), table.length) == 0;
  return table;
}

Result<AcpiTable> AcpiWalk::root_table(Phys address, const char* signature) const {
  const AcpiTable table = BATON_TRY(table_at(address));
  if (!is(table.signature, signature)) {
    return Error{"root table has another signature (address)", signature, address.v, 0};
  }
  if (!table.checksum_good) {
    return Error{"root table's checksum is wrong (address, length)", signature, address.v,
                 table.length};
  }
  return table;
}

void AcpiWalk::add_from_fadt(const AcpiTable& fadt, List& list) const {
  const auto* bytes = map_.at<const std::byte>(fadt.address);
  const auto field = [&](size_t narrow, size_t wide) {
    uint64_t address = 0;
    if (fadt.length >= wide + 8) address = read<uint64_t>(bytes + wide);
    if (address == 0 && fadt.length >= narrow + 4) address = read<uint32_t>(bytes + narrow);
    return Phys{address};
  };
  const Phys facs = field(kFadtFacs, kFadtXFacs);  // may be absent: hardware-reduced ACPI
  if (facs != Phys{0}) list.add(table_at(facs));
  list.add(table_at(field(kFadtDsdt, kFadtXDsdt)));
}

Result<AcpiRoot> AcpiWalk::list(Phys rsdp_address, std::span<AcpiTable> tables) const {
  if (!can_read(rsdp_address, kRsdpV1Size)) {
    return Error{"address cannot be read (address)", "RSDP", rsdp_address.v, 0};
  }
  const auto* bytes = map_.at<const std::byte>(rsdp_address);
  const auto* rsdp = map_.at<const Rsdp>(rsdp_address);
  if (std::string_view(rsdp->signature, 8) != "RSD PTR ") {
    return Error{"signature is not 'RSD PTR ' (address)", "RSDP", rsdp_address.v, 0};
  }
  if (acpi_checksum(bytes, kRsdpV1Size) != 0) {
    return Error{"checksum of the first 20 bytes is wrong (address)", "RSDP", rsdp_address.v, 0};
  }

  AcpiRoot root;
  root.revision = rsdp->revision;
  List list{tables, root};
  const bool has_xsdt = rsdp->revision >= 2 && can_read(rsdp_address, sizeof(Rsdp)) &&
                        rsdp->length >= sizeof(Rsdp) && can_read(rsdp_address, rsdp->length) &&
                        acpi_checksum(bytes, rsdp->length) == 0 && rsdp->xsdt != 0;
  const uint32_t rsdp_length = has_xsdt ? rsdp->length : static_cast<uint32_t>(kRsdpV1Size);
  list.add(AcpiTable{{'R', 'S', 'D', 'P'}, rsdp_address, rsdp_length, true});

  Result<AcpiTable> table = Error{"no XSDT", "RSDP"};
  if (has_xsdt) table = root_table(Phys{rsdp->xsdt}, "XSDT");
  root.is_xsdt = table.ok();
  if (!table.ok()) {
    if (has_xsdt) list.add(table.error());
    table = root_table(Phys{rsdp->rsdt}, "RSDT");
    if (!table.ok()) return table.error();
  }
  root.root = table.value().address;
  list.add(table);

  const size_t entry_size = root.is_xsdt ? 8 : 4;
  const size_t entries = (table.value().length - sizeof(AcpiHeader)) / entry_size;
  const auto* entry = map_.at<const std::byte>(root.root + sizeof(AcpiHeader));
  for (size_t i = 0; i < entries; ++i, entry += entry_size) {
    const Phys address{root.is_xsdt ? read<uint64_t>(entry) : read<uint32_t>(entry)};
    const auto found = table_at(address);
    list.add(found);
    if (found.ok() && is(found.value().signature, "FACP")) add_from_fadt(found.value(), list);
  }
  if (list.found > tables.size()) {
    return Error{"more tables than room (tables, room)", "ACPI", list.found, tables.size()};
  }
  root.tables = list.found;
  return root;
}

}  // namespace loader
