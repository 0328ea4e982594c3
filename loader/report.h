// A run's report as files: the kernel leaves a summary in a UEFI variable
// (loader/handoff/report_variable.h), and the next start of Baton, which can write files, makes
// \baton\report-DATE.txt, .html and .json of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "loader/efi_memory_map.h"
#include "loader/handoff/report_variable.h"
#include "mm/print.h"
#include "mm/result.h"

namespace loader {

struct Report {
  ReportHead head;
  std::string_view text;  // points into what was parsed
};
// Fails when the bytes are no report, and says what is wrong.
mm::Result<Report> parse_report(std::span<const uint8_t> bytes);

// "report-20261122-035010" (without a clock "report-undated"), from the second of that name on with
// "-2" and so on, then `ending`; NUL-terminated. Fails when `out` is too small.
mm::Result<> report_name(const ReportHead& head, uint32_t number, const char* ending,
                         std::span<char> out);
// Which number of `head`'s name the file called `file` has, whatever its ending and, as on FAT, its
// letters' case; 0 when it is none of them.
[[nodiscard]] uint32_t report_number(const ReportHead& head, std::string_view file);

// What the start that writes the report adds of its own.
struct FirmwarePart {
  const char* vendor = "";  // printable ASCII
  uint32_t efi_revision = 0;
  bool secure_boot = false;
  EfiMemoryMap map;
};
// The whole report, for people and for browsers (one file, nothing from elsewhere).
void write_report_text(const Report& report, const FirmwarePart& firmware, const mm::Printer& out);
void write_report_html(const Report& report, const FirmwarePart& firmware, const mm::Printer& out);

}  // namespace loader
