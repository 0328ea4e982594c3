#include "loader/handoff/report_variable.h"
#include "tests/boot/faulty/faulty.h"

namespace faulty {

EFI_STATUS leave_report(UINT16 lines) {
  struct {
    loader::ReportHead head;
    char text[loader::kMaxReportText];
  } report;
  constexpr char kLine[] = "a line of a report\n";
  constexpr UINTN kLength = sizeof kLine - 1;
  for (UINT16 i = 0; i < lines; ++i) CopyMem(report.text + i * kLength, kLine, kLength);
  report.head.length = static_cast<UINT16>(lines * kLength);
  EFI_GUID vendor;
  CopyMem(&vendor, &loader::kReportVendor, sizeof vendor);
  return ST->RuntimeServices->SetVariable(utf16(loader::kReportVariable), &vendor,
                                          EFI_VARIABLE_BOOTSERVICE_ACCESS,
                                          sizeof report.head + report.head.length, &report);
}

}  // namespace faulty
