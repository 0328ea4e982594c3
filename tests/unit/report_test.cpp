// A report from the log to the files on the ESP.
#include "loader/report.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernel/summary.h"
#include "loader/report_json.h"
#include "tests/support/drawn_machine.h"

namespace {

using kernel::Summary;
using loader::ReportHead;

std::string summary_of(const std::string& log, size_t piece = 7) {
  const auto summary = std::make_unique<Summary>();
  for (size_t at = 0; at < log.size(); at += piece) summary->take(log.substr(at, piece));
  return std::string(summary->finish());
}

const char* const kLog =
    "[    0.000000] Baton version 0.1.0 (abc), loaded by Baton 0.1.0 (abc)\n"
    "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
    "[    0.001000] efi: EFI v2.70 by EDK II\n"
    "[    0.100000] Memory: 4000000K/4194304K available\n"
    "[    0.200000] Ledger: closed, 0 bytes unaccounted for\n"
    "KTAP version 1\n1..2\nok 1 a\nnot ok 2 b\n"
    "[    0.300000] Self-tests: 1 passed, 1 failed, 0 skipped, 0 known failures\n"
    "[    0.300000]   FAILED (High) b: not true that b\n"
    "baton> \x1b[K";

TEST(Summary, TakesWhatMatters) {
  const std::string expected =
      "Baton version 0.1.0 (abc), loaded by Baton 0.1.0 (abc)\n"
      "efi: EFI v2.70 by EDK II\n"
      "Memory: 4000000K/4194304K available\n"
      "Ledger: closed, 0 bytes unaccounted for\n"
      "Self-tests: 1 passed, 1 failed, 0 skipped, 0 known failures\n"
      "not ok 2 b\n"
      "FAILED (High) b: not true that b\n";
  for (const size_t piece : {1u, 7u, 1000u}) EXPECT_EQ(summary_of(kLog, piece), expected);
}

TEST(Summary, SaysWhatDidNotFit) {
  std::string log = kLog;
  for (int i = 0; i < 100; ++i) log += "not ok " + std::to_string(i) + " some.test.with.a.name\n";
  const std::string summary = summary_of(log);
  EXPECT_LE(summary.size(), Summary::kRoom);
  EXPECT_NE(summary.find("more lines did not fit)\n"), std::string::npos);
  EXPECT_NE(summary.find("Self-tests: 1 passed"), std::string::npos);
}

// Of a long test its lines that come again and again are no news; which module to pull is.
TEST(Summary, OfAMemoryTest) {
  std::string log =
      "Baton version 0.1.0 (abc)\nmemtest: words that are alike, and blocks, by avx2\n";
  for (int i = 0; i < 500; ++i) {
    const std::string number = std::to_string(i);
    log += "[ 1.0] memtest: [#####...............] " + number + "%  900 MB/s\n";
    log += "[ 1.0] memtest: pass " + number + ": took 1:00, 0 errors\n";
    if (i < 16) log += "[ 1.0] memtest: error at 0x" + number + " (node 0, A1): wrote 0, read 1\n";
  }
  log +=
      "[ 1.0] memtest: overnight: ended by a key in pass 501, after 8:20:00: 16 errors\n"
      "[ 1.0] memtest: module A1, SMBIOS handle 0x1100: 16 wrong words\n"
      "[ 1.0] memtest: pull first: A1: 16 of 16 errors\n"
      "[ 1.0] memtest: 16 bad pages, 64 KiB, taken out of use\n";
  EXPECT_EQ(summary_of(log),
            "Baton version 0.1.0 (abc)\n"
            "memtest: overnight: ended by a key in pass 501, after 8:20:00: 16 errors\n"
            "memtest: 16 bad pages, 64 KiB, taken out of use\n"
            "memtest: module A1, SMBIOS handle 0x1100: 16 wrong words\n"
            "memtest: pull first: A1: 16 of 16 errors\n");
}

// Asked before its end, and again.
TEST(Summary, GoesOn) {
  const auto summary = std::make_unique<Summary>();
  summary->take("Baton version 1\nnot ok 1 a\n");
  EXPECT_EQ(summary->finish(), "Baton version 1\nnot ok 1 a\n");
  summary->take("not ok 2 b\n");
  EXPECT_EQ(summary->finish(), "Baton version 1\nnot ok 1 a\nnot ok 2 b\n");
}

TEST(Summary, OfNothing) { EXPECT_EQ(summary_of(""), ""); }

std::vector<uint8_t> stored(const std::string& text, ReportHead head = {}) {
  head.length = static_cast<uint16_t>(text.size());
  std::vector<uint8_t> bytes(sizeof head + text.size());
  std::memcpy(bytes.data(), &head, sizeof head);
  std::memcpy(bytes.data() + sizeof head, text.data(), text.size());
  return bytes;
}

TEST(Report, ParsesWhatWasStoredAndNothingElse) {
  const auto bytes = stored("all is well\n");
  const loader::Report report = test::must(loader::parse_report(bytes));
  EXPECT_EQ(report.text, "all is well\n");
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(loader::parse_report(std::span(bytes).first(length)).ok()) << length;
  }
  EXPECT_FALSE(loader::parse_report(stored("bell \a")).ok());
  ReportHead head;
  head.version = 2;
  EXPECT_STREQ(loader::parse_report(stored("x", head)).error().what,
               "is of a version that is not ours (its {}, ours {})");
  head = {};
  head.magic = 7;
  EXPECT_FALSE(loader::parse_report(stored("x", head)).ok());
}

TEST(Report, Name) {
  ReportHead head;
  char name[48];
  ASSERT_TRUE(loader::report_name(head, 1, ".txt", name).ok());
  EXPECT_STREQ(name, "report-undated.txt");
  ASSERT_TRUE(loader::report_name(head, 12, ".txt", name).ok());
  EXPECT_STREQ(name, "report-undated-12.txt");
  head.year = 2026, head.month = 1, head.day = 2, head.hour = 3, head.minute = 4, head.second = 5;
  ASSERT_TRUE(loader::report_name(head, 1, ".html", name).ok());
  EXPECT_STREQ(name, "report-20260102-030405.html");
  ASSERT_TRUE(loader::report_name(head, 2, ".html", name).ok());
  EXPECT_STREQ(name, "report-20260102-030405-2.html");
  EXPECT_FALSE(loader::report_name(head, 1, ".html", std::span(name).first(27)).ok());
}

TEST(Report, NumberOfAName) {
  ReportHead undated;
  EXPECT_EQ(loader::report_number(undated, "report-undated.txt"), 1u);
  EXPECT_EQ(loader::report_number(undated, "REPORT-UNDATED.HTML"), 1u);
  EXPECT_EQ(loader::report_number(undated, "report-undated-2.txt"), 2u);
  EXPECT_EQ(loader::report_number(undated, "report-undated-999999999.txt"), 999999999u);
  for (const char* other :
       {"", "report", "report-undated", "report-undatedly.txt", "report-undated-.txt",
        "report-undated-1.txt", "report-undated-2", "report-undated-2x.txt",
        "report-undated-4294967297.txt", "report-20260102-030405.txt"}) {
    EXPECT_EQ(loader::report_number(undated, other), 0u) << other;
  }
  ReportHead dated;
  dated.year = 2026, dated.month = 1, dated.day = 2;
  EXPECT_EQ(loader::report_number(dated, "report-20260102-000000.txt"), 1u);
  EXPECT_EQ(loader::report_number(dated, "report-20260102-000000-3.txt"), 3u);
  EXPECT_EQ(loader::report_number(dated, "report-20260102-000001.txt"), 0u);
}

TEST(Report, Files) {
  const auto bytes = stored(
      "Ledger: closed\nFAILED <b> & \"c\"\n1 passed, 1 failed\n2 passed, 0 failed\n0 passed, 0 "
      "failed\nmemtest: 100 MiB: no bad pages\nmemtest: pull first: \"A1\": 2 of 2 errors\n");
  const loader::Report report = test::must(loader::parse_report(bytes));
  const loader::EfiDescriptor map[] = {
      {loader::EfiMemoryType::Conventional, 0, 0, 0, 160, 15},
      {loader::EfiMemoryType::RuntimeServicesData, 0, 0x100000, 0, 2, loader::kEfiMemoryRuntime},
  };
  const loader::FirmwarePart firmware{
      "EDK <II>", 2u << 16 | 70, true, {std::as_bytes(std::span(map)), sizeof map[0]}};
  test::Log text;
  loader::write_report_text(report, firmware, text.printer());
  EXPECT_NE(text.text().find("Ledger: closed\nFAILED <b> & \"c\"\n1 passed"), std::string::npos);
  EXPECT_NE(text.text().find("UEFI         2.70\nSecure Boot  on\n"), std::string::npos);
  EXPECT_NE(text.text().find("0000000000000000-000000000009ffff  Conventional"), std::string::npos);
  test::Log html;
  loader::write_report_html(report, firmware, html.printer());
  EXPECT_NE(html.text().find("<p class=\"bad\">FAILED &lt;b&gt; &amp; &quot;c&quot;</p>"),
            std::string::npos);
  for (const char* line :
       {"good\">Ledger: closed", "bad\">memtest: pull first: &quot;A1&quot;: 2 of 2 errors",
        "plain\">memtest: 100 MiB: no bad pages", "bad\">1 passed, 1 failed",
        "good\">2 passed, 0 failed", "plain\">0 passed, 0 failed"}) {
    EXPECT_NE(html.text().find(std::string("<p class=\"") + line + "</p>"), std::string::npos)
        << line;
  }
  EXPECT_NE(html.text().find("EDK &lt;II&gt;"), std::string::npos);
  // That it is what docs/report.schema.json says, tests/boot/test_report.py asks.
  test::Log json;
  loader::write_report_json(report, firmware, json.printer());
  EXPECT_EQ(
      json.text(),
      "{\n"
      "  \"version\": 2,\n"
      "  \"date\": null,\n"
      "  \"summary\": [\n"
      "    \"Ledger: closed\",\n"
      "    \"FAILED <b> & \\\"c\\\"\",\n"
      "    \"1 passed, 1 failed\",\n"
      "    \"2 passed, 0 failed\",\n"
      "    \"0 passed, 0 failed\",\n"
      "    \"memtest: 100 MiB: no bad pages\",\n"
      "    \"memtest: pull first: \\\"A1\\\": 2 of 2 errors\"\n"
      "  ],\n"
      "  \"pull_first\": \"\\\"A1\\\": 2 of 2 errors\",\n"
      "  \"firmware\": {\"vendor\": \"EDK <II>\", \"uefi\": \"2.70\", \"secure_boot\": true},\n"
      "  \"map\": [\n"
      "    {\"start\": \"0x0\", \"pages\": 160, \"type\": 7, \"name\": \"Conventional\", "
      "\"attributes\": \"0xf\"},\n"
      "    {\"start\": \"0x100000\", \"pages\": 2, \"type\": 6, \"name\": \"Runtime Data\", "
      "\"attributes\": \"0x8000000000000000\"}\n"
      "  ]\n"
      "}\n");
}

}  // namespace
