// The last run's report for programs (docs/report.schema.json): what text and HTML say, and the
// firmware's whole map, so that two machines, or two versions of a firmware, can be compared.
#pragma once

#include "loader/report.h"

namespace loader {

// One object, printable ASCII. What the schema means by another number is another form.
inline constexpr uint32_t kReportJsonVersion = 2;
void write_report_json(const Report& report, const FirmwarePart& firmware, const mm::Printer& out);

}  // namespace loader
