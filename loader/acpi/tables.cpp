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

// A table's text: filled up with blanks, or ended by a NUL.
static std::string_view words(const char* text, size_t size) {
  const std::string_view all(text, size);
  return all.substr(0, all.find('\0'));
}

void AcpiTables::print(const mm::Printer& out) const {
  for (const AcpiTable& t : list()) {
    const std::string_view signature = words(t.signature.data(), t.signature.size());
    out.part("ACPI: {} 0x{:016X} {:06X}", signature, t.address, t.length);
    if (signature == "RSDP") {
      const auto* rsdp = map_.at<const char>(t.address);
      out.line(" (v{:02} {:6})", root_.revision, words(rsdp + 9, 6));
    } else if (signature == "FACS") {
      out.text("\n");
    } else {
      const auto* h = map_.at<const AcpiHeader>(t.address);
      out.line(" (v{:02} {:6} {:8} {:08X} {:4} {:08X})", h->revision, words(h->oem_id, 6),
               words(h->oem_table_id, 8), h->oem_revision, words(h->creator_id, 4),
               h->creator_revision);
    }
    if (!t.checksum_good) {
      out.line("ACPI BIOS Warning (bug): Incorrect checksum in table [{}]: not used", signature);
    }
  }
  if (root_.skipped != 0) {
    out.part("ACPI: {} pointers lead to no table", root_.skipped);
    out.error("; the first", root_.first_skipped);
  }
  if (root_.duplicates != 0) {
    out.line("ACPI: {} pointers lead to a table that is listed already, the first to 0x{:016X}",
             root_.duplicates, root_.first_duplicate);
  }
  if (root_.left_out != 0) {
    out.line("ACPI: {} pointers behind the first {} tables left out", root_.left_out, kMaxTables);
  }
}

}  // namespace loader
