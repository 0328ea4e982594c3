#include "loader/report.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "loader/handoff/self_test.h"

namespace loader {
namespace {

constexpr bool is_text(char c) { return c == '\n' || c == '\t' || (c >= ' ' && c <= '~'); }

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line(text.data(), end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

void print_date(const ReportHead& head, const mm::Printer& out) {
  if (head.year == 0) {
    out.part("no date: the firmware has no clock");
  } else {
    out.part("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", head.year, head.month, head.day, head.hour,
             head.minute, head.second);
  }
}

// The name without number and ending.
using Stem = std::array<char, 32>;
void put_stem(const ReportHead& head, Stem& out) {
  if (head.year == 0) {
    (void)mm::format(out, "report-undated");
  } else {
    (void)mm::format(out, "report-{:04}{:02}{:02}-{:02}{:02}{:02}", head.year, head.month, head.day,
                     head.hour, head.minute, head.second);
  }
}

constexpr size_t kMaxNumberDigits = 9;  // so that the next number fits into 32 bits as well
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

void escape(std::string_view text, const mm::Printer& out) {
  for (const char c : text) {
    switch (c) {
      case '<':
        out.text("&lt;");
        break;
      case '>':
        out.text("&gt;");
        break;
      case '&':
        out.text("&amp;");
        break;
      case '"':
        out.text("&quot;");
        break;
      default:
        out.text({&c, 1});
    }
  }
}

bool contains(std::string_view line, const char* word) {
  return line.find(word) != std::string_view::npos;
}

// A class of the style sheet.
const char* look_of(std::string_view line) {
  if (const auto counted = counted_in(line)) {
    if (counted->failed != 0) return "bad";
    return counted->passed != 0 ? "good" : "plain";
  }
  if (contains(line, "FAILED") || contains(line, "not ok") || contains(line, "panic") ||
      contains(line, "does not close") || contains(line, "pull first") ||
      (contains(line, " bad ") && !contains(line, "no bad "))) {
    return "bad";
  }
  if (contains(line, "Firmware Bug")) return "odd";
  if (contains(line, "closed")) return "good";
  return "plain";
}

constexpr const char* kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;"
    "background:#0c0e14;color:#d6dbe4}h1{font-size:1.5em}h2{font-size:1.1em;margin-top:2em}"
    "h1 b{color:#74baff}table{border-collapse:collapse;width:100%}"
    "td,th{padding:.15em .8em .15em 0;text-align:left;font-variant-numeric:tabular-nums}"
    "th{color:#8090a0;font-weight:normal}code,td{font-family:ui-monospace,monospace;"
    "font-size:13px}p{margin:.2em 0;font-family:ui-monospace,monospace;font-size:13px;"
    "white-space:pre-wrap}.bad{color:#ff6860}.good{color:#78d682}.odd{color:#f0c454}"
    ".use{color:#78d682}";

}  // namespace

mm::Result<Report> parse_report(std::span<const uint8_t> bytes) {
  const char* const what = "report";
  Report report;
  if (bytes.size() < sizeof(ReportHead))
    return mm::Error{"is too short (bytes {})", what, bytes.size()};
  std::memcpy(&report.head, bytes.data(), sizeof(ReportHead));
  const ReportHead& head = report.head;
  if (head.magic != ReportHead::kMagic)
    return mm::Error{"does not begin as one (magic {:#x})", what, head.magic};
  if (head.version != ReportHead::kVersion) {
    return mm::Error{"is of a version that is not ours (its {}, ours {})", what, head.version,
                     ReportHead::kVersion};
  }
  if (head.length != bytes.size() - sizeof(ReportHead)) {
    return mm::Error{"has another length than it says (bytes {})", what, head.length,
                     bytes.size() - sizeof(ReportHead)};
  }
  report.text = {reinterpret_cast<const char*>(bytes.data()) + sizeof(ReportHead), head.length};
  for (size_t i = 0; i < report.text.size(); ++i) {
    if (!is_text(report.text[i])) {
      return mm::Error{"is not text (character {:#x}, at {})", what,
                       static_cast<unsigned char>(report.text[i]), i};
    }
  }
  return report;
}

mm::Result<> report_name(const ReportHead& head, uint32_t number, const char* ending,
                         std::span<char> out) {
  Stem stem{};
  put_stem(head, stem);
  const size_t length = number < 2 ? mm::format(out, "{}{}", stem.data(), ending)
                                   : mm::format(out, "{}-{}{}", stem.data(), number, ending);
  if (length >= out.size()) {
    return mm::Error{"no room for its name (characters {}, room {})", "report", length, out.size()};
  }
  return {};
}

uint32_t report_number(const ReportHead& head, std::string_view file) {
  Stem stem{};
  put_stem(head, stem);
  for (const char* c = stem.data(); *c != '\0'; ++c) {
    if (file.empty() || lower(file.front()) != *c) return 0;
    file.remove_prefix(1);
  }
  if (file.starts_with('.')) return 1;
  if (!file.starts_with('-')) return 0;
  file.remove_prefix(1);
  uint32_t number = 0;
  size_t digits = 0;
  for (; !file.empty() && file.front() >= '0' && file.front() <= '9'; file.remove_prefix(1)) {
    if (++digits > kMaxNumberDigits) return 0;
    number = number * 10 + static_cast<uint32_t>(file.front() - '0');
  }
  return file.starts_with('.') && number >= 2 ? number : 0;
}

void write_report_text(const Report& report, const FirmwarePart& firmware, const mm::Printer& out) {
  out.part("Baton's report of a run, ");
  print_date(report.head, out);
  out.text("\n\n");
  out.text(report.text);
  if (!report.text.ends_with('\n')) out.text("\n");
  out.line("\nThe firmware, when this was written");
  out.line("vendor       {}", firmware.vendor);
  out.line("UEFI         {}.{:02}", firmware.efi_revision >> 16, firmware.efi_revision & 0xffff);
  out.line("Secure Boot  {}", firmware.secure_boot ? "on" : "off");
  out.line("\nIts memory map");
  for (size_t i = 0; i < firmware.map.count(); ++i) {
    const EfiDescriptor d = firmware.map.at(i);
    out.line("{:016x}-{:016x}  {:14} {:10} KiB  {}", d.physical_start,
             d.physical_start + d.pages * mm::kPageSize - 1, d.type,
             d.pages * (mm::kPageSize / mm::kKiB),
             (d.attributes & kEfiMemoryRuntime) != 0 ? "runtime" : "");
  }
}

void write_report_html(const Report& report, const FirmwarePart& firmware, const mm::Printer& out) {
  out.text("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n<title>Baton's report");
  out.text("</title>\n<meta name=\"viewport\" content=\"width=device-width\">\n<style>");
  out.text(kStyle);
  out.text("</style>\n<h1><b>Baton</b> report of a run, ");
  print_date(report.head, out);
  out.text("</h1>\n");
  for (std::string_view rest = report.text; !rest.empty();) {
    const std::string_view line = take_line(rest);
    out.part("<p class=\"{}\">", look_of(line));
    escape(line, out);
    out.line("</p>");
  }
  out.text("<h2>The firmware, when this was written</h2>\n<table><tr><th>vendor<td>");
  escape(firmware.vendor, out);
  out.line("<tr><th>UEFI<td>{}.{:02}<tr><th>Secure Boot<td>{}</table>", firmware.efi_revision >> 16,
           firmware.efi_revision & 0xffff, firmware.secure_boot ? "on" : "off");
  out.line("<h2>Its memory map</h2>\n<table><tr><th>from<th>to<th>type<th>KiB<th>");
  for (size_t i = 0; i < firmware.map.count(); ++i) {
    const EfiDescriptor d = firmware.map.at(i);
    const bool usable = e820_type(d) == mm::E820Type::Ram;
    out.line("<tr{}><td>{:x}<td>{:x}<td>{}<td>{}<td>{}", usable ? " class=\"use\"" : "",
             d.physical_start, d.physical_start + d.pages * mm::kPageSize - 1, d.type,
             d.pages * (mm::kPageSize / mm::kKiB),
             (d.attributes & kEfiMemoryRuntime) != 0 ? "runtime" : "");
  }
  out.line("</table></html>");
}

}  // namespace loader
