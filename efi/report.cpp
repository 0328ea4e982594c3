#include "efi/report.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "efi/directory.h"
#include "efi/memory.h"
#include "efi/memory_map.h"
#include "efi/own_variables.h"
#include "efi/sheet.h"
#include "loader/own_directory.h"
#include "loader/report.h"
#include "loader/report_json.h"

namespace efi {
namespace {

constexpr OwnVariable kVariable{loader::kReportVariable, "BatonReport"};

using Write = void (*)(const loader::Report& report, const loader::FirmwarePart& firmware,
                       const mm::Printer& out);

mm::Result<> write_file(const Firmware& firmware, const Directory& directory,
                        const loader::Report& report, const loader::FirmwarePart& part,
                        const char* name, Write write) {
  const Text text =
      BATON_TRY(text_of(firmware, name, [&](const mm::Printer& out) { write(report, part, out); }));
  return directory.write_new(name, text.view());
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

struct Form {
  const char* ending;
  Write write;
};
// The first two are a person's.
constexpr size_t kNeeded = 2;
constexpr std::array kForms{Form{".txt", &loader::write_report_text},
                            Form{".html", &loader::write_report_html},
                            Form{".json", &loader::write_report_json}};

// Errors point into `names`, of a file of each form.
using Names = std::array<Name, kForms.size()>;
mm::Result<> write_files(const Firmware& firmware, const loader::Report& report, Names& names,
                         const mm::Printer& findings) {
  std::array<char, 64> vendor_name{};
  put_vendor(firmware, vendor_name);
  const MemoryMap map = BATON_TRY(get_memory_map(firmware));
  const loader::FirmwarePart part{vendor_name.data(), firmware.system->Hdr.Revision,
                                  firmware.secure_boot, map.view()};
  const Directory directory = BATON_TRY(Directory::create(firmware, loader::kOwnDirectory));
  if (!directory.there()) return mm::Error{"cannot be made", loader::kOwnDirectory};
  Numbers numbers{report.head};
  BATON_TRY(directory.for_each_file(&Numbers::take, &numbers));
  for (size_t i = 0; i < kForms.size(); ++i) {
    BATON_TRY(loader::report_name(report.head, numbers.next, kForms[i].ending, names[i]));
    const auto written =
        write_file(firmware, directory, report, part, names[i].data(), kForms[i].write);
    if (written.ok()) continue;
    if (i >= kNeeded) {
      findings.error("last report", written.error());
      continue;
    }
    // Both or none: the next start tries again, and would leave one more of the first each time.
    for (size_t made = 0; made < i; ++made) BATON_TRY(directory.remove(names[made].data()));
    return written.error();
  }
  return {};
}

}  // namespace

void write_last_report(const Firmware& firmware, const mm::Printer& out) {
  std::array<uint8_t, loader::kMaxReport> stored;
  const auto size = read_variable(firmware, kVariable, stored);
  if (!size.ok()) return out.error("last report", size.error());
  if (!size.value().has_value()) return;
  const auto report = loader::parse_report(std::span(stored).first(*size.value()));
  Names names{};
  if (report.ok()) out.line("writing the last run's report to the ESP");
  if (!report.ok()) {
    out.error("last report: thrown away", report.error());
  } else if (const auto written = write_files(firmware, report.value(), names, out);
             !written.ok()) {
    // It stays for a start from a medium that can be written to.
    out.error("last report", written.error());
    return;
  } else {
    out.line("the last run's report is in {}\\{}, .html and .json", loader::kOwnDirectory,
             names[0].data());
  }
  if (const auto deleted = delete_variable(firmware, kVariable); !deleted.ok()) {
    out.error("last report", deleted.error());
  }
}

}  // namespace efi
