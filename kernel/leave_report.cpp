#include "kernel/leave_report.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernel/bad_pages.h"
#include "kernel/console.h"
#include "kernel/firmware_variables.h"
#include "kernel/summary.h"
#include "loader/handoff/report_variable.h"

namespace kernel {
namespace {

using loader::ReportHead;

constexpr VariableName kVariable{loader::kReportVariable, loader::kReportVendor,
                                 "the report's variable"};
static_assert(Summary::kRoom <= loader::kMaxReportText);

constinit Summary summary;
constinit uint64_t taken = 0;  // how much of the log it has

using Stored = std::array<uint8_t, loader::kMaxReport>;

// Whether what is stored says the same, whenever that was.
bool same_text(const Stored& stored, size_t size, std::string_view text) {
  return size == sizeof(ReportHead) + text.size() &&
         std::memcmp(stored.data() + sizeof(ReportHead), text.data(), text.size()) == 0;
}

mm::Result<bool> store(const loader::Handoff& handoff, std::string_view text) {
  static constinit Stored bytes{};
  const auto before = arch::get_variable(handoff, kVariable, bytes);
  // One that is not ours, or larger than ours can be, is replaced.
  if (before.ok() && before.value().has_value() && same_text(bytes, *before.value(), text)) {
    return false;
  }
  ReportHead head;
  head.length = static_cast<uint16_t>(text.size());
  if (const auto now = arch::firmware_time(handoff); now.ok()) {
    const FirmwareTime& t = now.value();
    head.year = t.year;
    head.month = t.month;
    head.day = t.day;
    head.hour = t.hour;
    head.minute = t.minute;
    head.second = t.second;
  }
  std::memcpy(bytes.data(), &head, sizeof head);
  std::memcpy(bytes.data() + sizeof head, text.data(), text.size());
  BATON_TRY(
      arch::set_variable(handoff, kVariable, std::span(bytes).first(sizeof head + text.size())));
  return true;
}

}  // namespace

std::string_view summary_of_log() {
  taken = console().replay_since(taken, [](std::string_view text) { summary.take(text); });
  return summary.finish();
}

void leave_report(const Booted& machine, const mm::Printer& out) {
  leave_bad_pages(machine, out);
  const std::string_view text = summary_of_log();
  out.part("Report: ");
  console().flush();  // writing flash takes its time
  const auto stored = store(machine.kept.handoff(), text);
  if (!stored.ok()) {
    out.error("none is left", stored.error());
  } else if (stored.value()) {
    out.line(
        "{} bytes left with the firmware; the next start of Baton writes them to the ESP as "
        "\\baton\\report-*.txt, .html and .json",
        text.size());
  } else {
    out.line("the firmware has the same already");
  }
}

}  // namespace kernel
