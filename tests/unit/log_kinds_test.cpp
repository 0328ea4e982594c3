// Logs of other kernels and from other hands: 32-bit Arm, journals, JSON.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/replay/log_reader.h"
#include "tools/replay/machine_text.h"

namespace {

using replay::Log;
using replay::read_log;

constexpr const char* kPlain = "BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff] usable\n";

std::string said(const Log& log) {
  std::string text;
  for (const replay::Remark& remark : log.remarks) {
    text += std::to_string(remark.line) + ": " + remark.text + "\n";
  }
  return text;
}

std::string facts_of(Log log) {
  log.remarks.clear();
  log.linux_made = {};
  const std::string text = replay::facts_text(log, "m");
  return text.substr(text.find('\n') + 1);
}

// Linux 3.2 on two banks, and 5.10 without highmem.
constexpr const char* kBanks =
    "Linux version 3.2.0-4-mx5 (a@b) #1\n"
    "CPU: ARMv7 Processor [412fc085] revision 5 (ARMv7), cr=10c53c7f\n"
    "Memory: 128MB 64MB = 192MB total\n"
    "    lowmem  : 0xc0000000 - 0xc8000000   ( 128 MB)\n";
constexpr const char* kIgnoring =
    "Linux version 5.10.0-8-armmp (a@b) #1 SMP\n"
    "CPU: ARMv7 Processor [410fc075] revision 5 (ARMv7), cr=30c5387d\n"
    "Ignoring RAM at 0x70000000-0x80000000\n"
    "Zone ranges:\n"
    "  DMA      [mem 0x0000000040000000-0x000000006fffffff]\n"
    "  Normal   empty\n"
    "Early memory node ranges\n"
    "  node   0: [mem 0x0000000040000000-0x000000006fffffff]\n";

TEST(LogReader, A32BitArmKernelsBanks) {
  const Log row = read_log(kBanks);
  EXPECT_EQ(facts_of(row),
            "rules arm\nlowmem 0x8000000\n\n"
            "e820 0x000000000000 0x000008000000 usable\n"
            "e820 0x000008000000 0x00000c000000 usable\n");
  EXPECT_NE(said(row).find("how large its banks are and not where"), std::string::npos);
  const Log told =
      read_log(std::string(kBanks) +
               "Kernel command line: quiet mem=128M@0x90000000 mem=64M@0xb0000000 x\n");
  EXPECT_EQ(facts_of(told),
            "rules arm\nlowmem 0x98000000\n\n"
            "e820 0x000090000000 0x000098000000 usable\n"
            "e820 0x0000b0000000 0x0000b4000000 usable\n");
  EXPECT_EQ(read_log(std::string(kIgnoring) + kBanks).boots, 2u);
  // Nothing that could be a map.
  for (const char* text : {"CPU: (ARMv7)\nMemory: 0MB = 0MB total\n",
                           "CPU: (ARMv7)\nearly_node_map[1]\n    0: 0x9 -> 0x9\n"}) {
    EXPECT_EQ(read_log(text).boots, 0u) << text;
  }
}

TEST(LogReader, A32BitArmKernelThatIgnoresRam) {
  const Log log = read_log(kIgnoring);
  EXPECT_EQ(facts_of(log),
            "rules arm\n\n"
            "e820 0x000040000000 0x000070000000 usable\n"
            "e820 0x000070000000 0x000080000000 usable\n"
            "ignored 0x000070000000 0x000080000000\n");
  ASSERT_EQ(log.linux_made.zones.size(), 1u);
  EXPECT_EQ(log.linux_made.zones[0].type, mm::ZoneType::Normal);
  EXPECT_EQ(log.linux_made.zones[0].range.end.v, 0x70000000u);
  const Log cut = read_log(std::string(kBanks) +
                           "Truncating RAM at 00000000-0fffffff to -07ffffff (vmalloc region "
                           "overlap).\nIgnoring RAM at much\n");
  ASSERT_EQ(cut.ignored.size(), 1u);
  EXPECT_EQ(cut.ignored[0].start.v, 0x8000000u);
  EXPECT_EQ(cut.ignored[0].end.v, 0x10000000u);
  EXPECT_NE(said(cut).find("cannot be read: Ignoring RAM at much"), std::string::npos);
}

TEST(LogReader, TheCommandLineHoweverItIsTold) {
  for (const char* text :
       {"[    0.000000] Command line: BOOT_IMAGE=/x mem=2G \n",
        "\"msg\": \"Kernel command line: BOOT_IMAGE=/x mem=2G\"\n",
        "{\"MESSAGE\":\"Command line: BOOT_IMAGE=/x mem=2G\",\"_PID\":\"1\"}\n"}) {
    EXPECT_EQ(read_log(text + std::string(kPlain)).linux_made.command_line, "BOOT_IMAGE=/x mem=2G")
        << text;
  }
}

// Fields that stand between the lines of a list end no list.
TEST(LogReader, JournalsAndJsonWhereEachFieldHasALine) {
  const std::vector<std::string> messages = {
      "BIOS-e820: [mem 0x0000000000000000-0x000000000008ffff] usable",
      "Zone ranges:", "  DMA      [mem 0x0000000000001000-0x0000000000ffffff]", "  Normal   empty",
      "BIOS-e820: [mem 0x00000002"};
  std::string exported, as_bytes, json;
  for (const std::string& message : messages) {
    exported += "__CURSOR=s=1\n_TRANSPORT=kernel\nMESSAGE=" + message + "\nPRIORITY=6\n\n";
    std::string length(8, '\0');
    length[0] = static_cast<char>(message.size());
    as_bytes += "__CURSOR=s=1\nCODE\n" + std::string("\2\0\0\0\0\0\0\0a\n\n", 11) + "MESSAGE\n" +
                length + message + "\n\n";
    json += "  {\n    \"pri\": 6,\n    \"msg\": \"" + message + "\"\n  },\n";
  }
  const struct {
    const std::string& text;
    size_t line;  // of the one that cannot be read
  } kTexts[] = {{exported, 23}, {as_bytes, 34}, {json, 19}};
  for (const auto& [text, line] : kTexts) {
    const Log log = read_log(text);
    EXPECT_EQ(log.firmware.size(), 1u) << text;
    EXPECT_EQ(log.linux_made.zones.size(), 2u) << text;
    EXPECT_EQ(said(log), std::to_string(line) +
                             ": cannot be read: " + (&text == &json ? "\"msg\": \"" : "") +
                             "BIOS-e820: [mem 0x00000002" + (&text == &json ? "\"" : "") + "\n")
        << text;
  }
  // One that ends within a field is read up to there.
  EXPECT_EQ(read_log("__CURSOR=s=1\nMESSAGE=" + messages[0] + "\nMESSAGE\n\xff").firmware.size(),
            1u);
}

}  // namespace
