#include "loader/acpi/tables.h"

namespace loader {

GenericAddress generic_address(std::span<const uint8_t> bytes, size_t offset) {
  return {bytes[offset], bytes[offset + 1], field<uint64_t>(bytes, offset + 4)};
}

mm::Result<> AcpiTables::find(uint64_t rsdp, const AcpiWalk& walk, const mm::DirectMap& map) {
  map_ = map;
  count_ = 0;
  if (rsdp == 0) return {};
  root_ = BATON_TRY(walk.list(mm::Phys{rsdp}, tables_));
  count_ = root_.tables;
  return {};
}

std::span<const uint8_t> AcpiTables::table(std::string_view signature) const {
  for (const AcpiTable& t : list()) {
    if (std::string_view{t.signature.data(), t.signature.size()} != signature) continue;
    if (!t.checksum_good) return {};
    return {map_.at<const uint8_t>(t.address), t.length};
  }
  return {};
}

void AcpiTables::print(const mm::Printer& out) const {
  for (const AcpiTable& t : list()) {
    const std::string_view signature{t.signature.data(), t.signature.size()};
    out.part("ACPI: %.4s 0x%016lX %06X", t.signature.data(), t.address.v, t.length);
    if (signature == "RSDP") {
      const auto* rsdp = map_.at<const char>(t.address);
      out.line(" (v%.2d %-6.6s)", root_.revision, rsdp + 9);
    } else if (signature == "FACS") {
      out.text("\n");
    } else {
      const auto* h = map_.at<const AcpiHeader>(t.address);
      out.line(" (v%.2d %-6.6s %-8.8s %08X %-4.4s %08X)", h->revision, h->oem_id, h->oem_table_id,
               h->oem_revision, h->creator_id, h->creator_revision);
    }
    if (!t.checksum_good) {
      out.line("ACPI BIOS Warning (bug): Incorrect checksum in table [%.4s]: not used",
               t.signature.data());
    }
  }
  if (root_.skipped != 0) {
    out.part("ACPI: %zu pointers lead to no table, the first: ", root_.skipped);
    out.error("ACPI", root_.first_skipped);
  }
  if (root_.duplicates != 0) {
    out.line("ACPI: %zu pointers lead to a table that is listed already, the first to 0x%016lX",
             root_.duplicates, root_.first_duplicate.v);
  }
  if (root_.left_out != 0) {
    out.line("ACPI: %zu pointers behind the first %zu tables left out", root_.left_out, kMaxTables);
  }
}

}  // namespace loader
