#include "efi/report.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "efi/directory.h"
#include "efi/memory.h"
#include "efi/memory_map.h"
#include "loader/report.h"

namespace efi {
namespace {

using Stored = std::array<uint8_t, loader::kMaxReport>;

CHAR16* variable_name() {
  return reinterpret_cast<CHAR16*>(const_cast<char16_t*>(loader::kReportVariable));  // only read
}

EFI_GUID vendor() { return std::bit_cast<EFI_GUID>(loader::kReportVendor); }

// Text on its way into a file: counted, and kept as far as there is room.
struct Sheet {
  char* at;
  size_t room;
  size_t length = 0;

  static void take(void* self, std::string_view text) {
    auto& sheet = *static_cast<Sheet*>(self);
    for (const char c : text) {
      if (sheet.length < sheet.room) sheet.at[sheet.length] = c;
      ++sheet.length;
    }
  }
};

using Write = void (*)(const loader::Report& report, const loader::FirmwarePart& firmware,
                       const mm::Printer& out);

mm::Result<> write_file(const Firmware& firmware, const Directory& directory,
                        const loader::Report& report, const loader::FirmwarePart& part,
                        const char* name, Write write) {
  Sheet measure{nullptr, 0};
  write(report, part, {&Sheet::take, &measure});
  const Pages pages = BATON_TRY(allocate(firmware, measure.length, name));
  Sheet sheet{pages.as<char>(), measure.length};
  write(report, part, {&Sheet::take, &sheet});
  return directory.write_new(name, {pages.as<char>(), measure.length});
}

// The vendor's name in ASCII, with its NUL.
void put_vendor(const Firmware& firmware, std::array<char, 64>& out) {
  const CHAR16* const name = firmware.system->FirmwareVendor;
  for (size_t i = 0; name != nullptr && i + 1 < out.size() && name[i] != 0; ++i) {
    out[i] = name[i] >= ' ' && name[i] <= '~' ? static_cast<char>(name[i]) : '?';
  }
}

using Name = std::array<char, 48>;

// One more than the highest number that a file of this report's name has.
struct Numbers {
  const loader::ReportHead& head;
  uint32_t next = 1;

  static bool take(void* self, std::string_view name, uint64_t /*size*/) {
    auto& numbers = *static_cast<Numbers*>(self);
    numbers.next = std::max(numbers.next, loader::report_number(numbers.head, name) + 1);
    return true;
  }
};

mm::Result<> write_files(const Firmware& firmware, const loader::Report& report, Name& text_name,
                         Name& html_name) {
  std::array<char, 64> vendor_name{};
  put_vendor(firmware, vendor_name);
  const MemoryMap map = BATON_TRY(get_memory_map(firmware));
  const loader::FirmwarePart part{vendor_name.data(), firmware.system->Hdr.Revision,
                                  secure_boot(firmware), map.view()};
  const Directory directory = BATON_TRY(Directory::create(firmware, loader::kReportDirectory));
  if (!directory.there()) return mm::Error{"cannot be made", loader::kReportDirectory};
  Numbers numbers{report.head};
  BATON_TRY(directory.for_each_file(&Numbers::take, &numbers));
  BATON_TRY(loader::report_name(report.head, numbers.next, ".txt", text_name));
  BATON_TRY(loader::report_name(report.head, numbers.next, ".html", html_name));
  BATON_TRY(
      write_file(firmware, directory, report, part, text_name.data(), &loader::write_report_text));
  const auto html =
      write_file(firmware, directory, report, part, html_name.data(), &loader::write_report_html);
  // Both or none: the next start tries again, and would leave one more text each time.
  if (!html.ok()) {
    BATON_TRY(directory.remove(text_name.data()));
    return html.error();
  }
  return {};
}

}  // namespace

void write_last_report(const Firmware& firmware, const mm::Printer& out) {
  Stored stored;
  UINTN size = stored.size();
  EFI_GUID guid = vendor();
  EFI_RUNTIME_SERVICES* const runtime = firmware.system->RuntimeServices;
  EFI_STATUS status = runtime->GetVariable(variable_name(), &guid, nullptr, &size, stored.data());
  // A firmware without variables, of which there are some, says that it does not support them.
  if (status == EFI_NOT_FOUND || status == EFI_UNSUPPORTED) return;
  if (status != EFI_SUCCESS) {
    out.error("last report", failed("cannot be read", "BatonReport", status));
    return;
  }
  const auto report = loader::parse_report(std::span(stored).first(size));
  Name text_name{};
  Name html_name{};
  if (report.ok()) out.line("writing the last run's report to the ESP");
  if (!report.ok()) {
    out.error("last report: thrown away", report.error());
  } else if (const auto written = write_files(firmware, report.value(), text_name, html_name);
             !written.ok()) {
    // It stays for a start from a medium that can be written to.
    out.error("last report", written.error());
    return;
  } else {
    out.line("the last run's report is in {}\\{} and .html", loader::kReportDirectory,
             text_name.data());
  }
  status = runtime->SetVariable(variable_name(), &guid, 0, 0, nullptr);
  if (status != EFI_SUCCESS) {
    out.error("last report", failed("cannot be deleted", "BatonReport", status));
  }
}

}  // namespace efi
