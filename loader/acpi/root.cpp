#include "loader/acpi/root.h"

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

// Tables in the order found, and by address: place i's `nth` is the table with the i-th lowest one.
struct AcpiWalk::List {
  const AcpiWalk& walk;
  std::span<AcpiTable> tables;
  AcpiRoot& root;
  size_t found = 0;

  // The first place, by address, of a table that is not below.
  [[nodiscard]] size_t place_of(Phys address) const {
    size_t low = 0;
    size_t high = found;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (tables[tables[middle].nth].address < address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
  [[nodiscard]] bool has(Phys address) const {
    const size_t place = place_of(address);
    return place < found && tables[tables[place].nth].address == address;
  }

  void skip(const Error& why) {
    if (root.skipped++ == 0) root.first_skipped = why;
  }
  // A table that was read and is not listed. False: there is no room.
  bool add(const AcpiTable& table) {
    if (found == tables.size()) {
      ++root.left_out;
      return false;
    }
    const size_t place = place_of(table.address);
    tables[found] = table;
    for (size_t i = found; i > place; --i) tables[i].nth = tables[i - 1].nth;
    tables[place].nth = static_cast<uint32_t>(found++);
    return true;
  }
  // What a pointer leads to, where that is a table and not listed yet. The table, when it is new.
  const AcpiTable* follow(Phys address) {
    if (found == tables.size()) {
      ++root.left_out;
      return nullptr;
    }
    const auto table = walk.table_at(address, root);
    if (!table.ok()) {
      skip(table.error());
      return nullptr;
    }
    return add(table.value()) ? &tables[found - 1] : nullptr;
  }
};

bool AcpiWalk::can_read(Phys address, uint64_t size) const {
  if (address == Phys{0} || size > mm::kMaxPhys || address.v > mm::kMaxPhys - size) return false;
  return readable_(context_, {address, address + size});
}

Result<AcpiTable> AcpiWalk::table_at(Phys address, AcpiRoot& root) const {
  if (!can_read(address, sizeof(AcpiHeader))) {
    return Error{"table's address cannot be read (address {:#x})", "ACPI", address.v, 0};
  }
  const auto* header = map_.at<const AcpiHeader>(address);
  AcpiTable table{{}, address, header->length, false, 0};
  for (size_t i = 0; i < 4; ++i) table.signature[i] = header->signature[i];
  if (is(table.signature, "FACS")) {
    if (table.length < 64) {
      return Error{"FACS is shorter than 64 bytes (address {:#x}, length {})", "ACPI", address.v,
                   table.length};
    }
  } else if (table.length < sizeof(AcpiHeader)) {
    return Error{"table is shorter than its header (address {:#x}, length {})", "ACPI", address.v,
                 table.length};
  }
  if (table.length > kMaxFirmwareTable) {
    return Error{"table is longer than any (address {:#x}, length {})", "ACPI", address.v,
                 table.length};
  }
  if (!can_read(address, table.length)) {
    return Error{"table ends where nothing can be read (address {:#x}, length {})", "ACPI",
                 address.v, table.length};
  }
  table.checksum_good = is(table.signature, "FACS");
  if (table.checksum_good) return table;
  if (table.length > kMaxAcpiBytes - root.bytes_summed) {
    return Error{"all tables together are longer than any (address {:#x}, length {})", "ACPI",
                 address.v, table.length};
  }
  root.bytes_summed += table.length;
  table.checksum_good = acpi_checksum(map_.at(address), table.length) == 0;
  return table;
}

Result<AcpiTable> AcpiWalk::root_table(Phys address, const char* signature, AcpiRoot& root) const {
  const AcpiTable table = BATON_TRY(table_at(address, root));
  if (!is(table.signature, signature)) {
    return Error{"root table has another signature (address {:#x})", signature, address.v, 0};
  }
  if (!table.checksum_good) {
    return Error{"root table's checksum is wrong (address {:#x}, length {})", signature, address.v,
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
  if (facs != Phys{0} && !list.has(facs)) list.follow(facs);
  if (const Phys dsdt = field(kFadtDsdt, kFadtXDsdt); !list.has(dsdt)) list.follow(dsdt);
}

Result<AcpiRoot> AcpiWalk::list(Phys rsdp_address, std::span<AcpiTable> tables) const {
  if (!can_read(rsdp_address, kRsdpV1Size)) {
    return Error{"address cannot be read (address {:#x})", "RSDP", rsdp_address.v, 0};
  }
  const auto* bytes = map_.at<const std::byte>(rsdp_address);
  const auto* rsdp = map_.at<const Rsdp>(rsdp_address);
  if (std::string_view(rsdp->signature, 8) != "RSD PTR ") {
    return Error{"signature is not 'RSD PTR ' (address {:#x})", "RSDP", rsdp_address.v, 0};
  }
  if (acpi_checksum(bytes, kRsdpV1Size) != 0) {
    return Error{"checksum of the first 20 bytes is wrong (address {:#x})", "RSDP", rsdp_address.v,
                 0};
  }

  AcpiRoot root;
  root.revision = rsdp->revision;
  List list{*this, tables, root};
  const bool has_xsdt = rsdp->revision >= 2 && can_read(rsdp_address, sizeof(Rsdp)) &&
                        rsdp->length >= sizeof(Rsdp) && rsdp->length <= mm::kPageSize &&
                        can_read(rsdp_address, rsdp->length) &&
                        acpi_checksum(bytes, rsdp->length) == 0 && rsdp->xsdt != 0;
  const uint32_t rsdp_length = has_xsdt ? rsdp->length : static_cast<uint32_t>(kRsdpV1Size);
  list.add(AcpiTable{{'R', 'S', 'D', 'P'}, rsdp_address, rsdp_length, true, 0});

  Result<AcpiTable> table = Error{"no XSDT", "RSDP"};
  if (has_xsdt) table = root_table(Phys{rsdp->xsdt}, "XSDT", root);
  root.is_xsdt = table.ok();
  if (!table.ok()) {
    if (has_xsdt) list.skip(table.error());
    table = root_table(Phys{rsdp->rsdt}, "RSDT", root);
    if (!table.ok()) return table.error();
  }
  root.root = table.value().address;
  list.add(table.value());

  const size_t entry_size = root.is_xsdt ? 8 : 4;
  const size_t entries = (table.value().length - sizeof(AcpiHeader)) / entry_size;
  const auto* entry = map_.at<const std::byte>(root.root + sizeof(AcpiHeader));
  for (size_t i = 0; i < entries; ++i, entry += entry_size) {
    const Phys address{root.is_xsdt ? read<uint64_t>(entry) : read<uint32_t>(entry)};
    if (list.has(address)) {
      if (root.duplicates++ == 0) root.first_duplicate = address;
      continue;
    }
    const AcpiTable* const table_found = list.follow(address);
    if (table_found != nullptr && is(table_found->signature, "FACP")) {
      add_from_fadt(AcpiTable(*table_found), list);
    }
  }
  root.tables = list.found;
  return root;
}

}  // namespace loader
