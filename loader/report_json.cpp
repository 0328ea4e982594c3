#include "loader/report_json.h"

namespace loader {
namespace {

// RFC 8259 section 7. A report's text has line feeds, tabs and printable ASCII.
void put_string(std::string_view text, const mm::Printer& out) {
  out.text("\"");
  for (const char c : text) {
    if (c == '"' || c == '\\') out.text("\\");
    if (c == '\t') {
      out.text("\\t");
    } else {
      out.text({&c, 1});
    }
  }
  out.text("\"");
}

void put_lines(std::string_view text, const mm::Printer& out) {
  out.text("  \"summary\": [");
  for (bool first = true; !text.empty(); first = false) {
    const size_t end = text.find('\n') < text.size() ? text.find('\n') : text.size();
    out.text(first ? "\n    " : ",\n    ");
    put_string({text.data(), end}, out);
    text.remove_prefix(end < text.size() ? end + 1 : end);
  }
  out.text("\n  ],\n");
}

// What the memory test says of which module to pull first; null: no errors, or no such test.
void put_module(std::string_view text, const mm::Printer& out) {
  constexpr std::string_view kBegins = "memtest: pull first: ";
  out.text("  \"pull_first\": ");
  const size_t at = text.find(kBegins);
  if (at == std::string_view::npos) return out.line("null,");
  text.remove_prefix(at + kBegins.size());
  put_string(text.substr(0, text.find('\n')), out);
  out.line(",");
}

// Addresses as text: a number of JSON's need not hold 64 bits.
void put_range(const EfiDescriptor& d, const mm::Printer& out) {
  out.part("    {{\"start\": \"{:#x}\", \"pages\": {}, \"type\": {}, \"name\": ", d.physical_start,
           d.pages, static_cast<uint32_t>(d.type));
  put_string(printed(d.type), out);
  out.part(", \"attributes\": \"{:#x}\"}}", d.attributes);
}

}  // namespace

void write_report_json(const Report& report, const FirmwarePart& firmware, const mm::Printer& out) {
  const ReportHead& head = report.head;
  out.line("{{\n  \"version\": {},", kReportJsonVersion);
  if (head.year == 0) {
    out.line("  \"date\": null,");
  } else {
    out.line("  \"date\": \"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}\",", head.year, head.month,
             head.day, head.hour, head.minute, head.second);
  }
  put_lines(report.text, out);
  put_module(report.text, out);
  out.text("  \"firmware\": {\"vendor\": ");
  put_string(firmware.vendor, out);
  out.line(", \"uefi\": \"{}.{:02}\", \"secure_boot\": {}}},", firmware.efi_revision >> 16,
           firmware.efi_revision & 0xffff, firmware.secure_boot ? "true" : "false");
  out.text("  \"map\": [");
  for (size_t i = 0; i < firmware.map.count(); ++i) {
    out.text(i == 0 ? "\n" : ",\n");
    put_range(firmware.map.at(i), out);
  }
  out.text("\n  ]\n}\n");
}

}  // namespace loader
