// What the last run left, of any bytes: in files of each form there is its text and nothing that a browser
// or a reader of JSON takes for something else; and a report's name leads to its number.
//
// The input is how many descriptors the firmware's map has (a byte), those, and the variable, whose head is
// made right.
#include "loader/report.h"

#include <nlohmann/json.hpp>

#include "loader/report_json.h"
#include "tests/fuzz/target.h"

namespace {

using fuzz::Bytes;
using fuzz::check;

Bytes with_right_head(Bytes variable) {
  if (variable.size() < sizeof(loader::ReportHead)) return variable;
  loader::ReportHead head;
  std::memcpy(&head, variable.data(), sizeof head);
  head.magic = loader::ReportHead::kMagic;
  head.version = loader::ReportHead::kVersion;
  head.length = static_cast<uint16_t>(variable.size() - sizeof head);
  std::memcpy(variable.data(), &head, sizeof head);
  return variable;
}

size_t count(std::string_view text, char c) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), c));
}

void check_files(const loader::Report& report, const loader::FirmwarePart& firmware) {
  const std::string text = fuzz::printed_by(
      [&](const mm::Printer& out) { loader::write_report_text(report, firmware, out); });
  check(text.find(report.text) != std::string::npos);
  const std::string html = fuzz::printed_by(
      [&](const mm::Printer& out) { loader::write_report_html(report, firmware, out); });
  check(html.find("<script") == std::string::npos && count(html, '<') == count(html, '>'));
  const std::string json = fuzz::printed_by(
      [&](const mm::Printer& out) { loader::write_report_json(report, firmware, out); });
  const auto read = nlohmann::json::parse(json);  // throws where it is none
  check(read.at("version") == loader::kReportJsonVersion);
  std::string summary;
  for (const auto& line : read.at("summary")) summary += line.get<std::string>() + "\n";
  check(summary == report.text || summary == std::string(report.text) + "\n");
}

void check_name(const loader::ReportHead& head, uint32_t number) {
  std::array<char, 64> name{};
  check(loader::report_name(head, number, ".txt", name).ok());
  const uint32_t found = loader::report_number(head, name.data());
  check(found == std::max<uint32_t>(number, 1) || number > 999'999'999);
}

}  // namespace

FUZZ_TARGET(report) {
  fuzz::Input input(data, size);
  constexpr size_t kEach = sizeof(loader::EfiDescriptor);
  const Bytes map = input.bytes(input.byte() * kEach);
  const auto number = input.number<uint32_t>();
  const Bytes variable = with_right_head(input.rest());
  const auto report = loader::parse_report(variable);
  if (!report.ok()) return;
  loader::FirmwarePart firmware;
  firmware.vendor = "EDK II <&\"\\>";
  firmware.map = {std::as_bytes(std::span(map).first(map.size() / kEach * kEach)), kEach};
  check_files(report.value(), firmware);
  check_name(report.value().head, number);
}
