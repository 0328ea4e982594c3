// baton.conf as people write it, and as it arrives when something went wrong.
#include "loader/menu/config.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/support/drawn_machine.h"

namespace loader {
namespace {

struct Parsed {
  explicit Parsed(std::string_view content) : text(content.begin(), content.end()) {
    text.push_back('\0');
    text.shrink_to_fit();
    config = parse_config(text, "baton.conf", log.printer());
  }
  std::vector<char> text;
  test::Log log;
  Config config;
};

TEST(Config, AnEmptyFileLeavesTheDefaults) {
  for (const char* text : {"", "\n", "\r\n\r\n", "# kernel other\n", "   \t \n  # x"}) {
    const Parsed parsed(text);
    EXPECT_STREQ(parsed.config.kernel, "\\EFI\\baton\\kernel.elf");
    EXPECT_EQ(parsed.config.initrd, nullptr);
    EXPECT_STREQ(parsed.config.options, "");
    EXPECT_EQ(parsed.config.timeout, 0U);
    EXPECT_EQ(parsed.log.text(), "");
  }
}

TEST(Config, EveryKeyIsTaken) {
  for (const char* end : {"\n", "\r\n"}) {
    std::string text;
    for (const char* line :
         {"kernel \\EFI\\a.elf", "# comment", "initrd\t/EFI/my initrd.img", "",
          "  options   selftest  poweroff \t", "badpages = 0x1000 0x3000", "timeout 4294967295"}) {
      text.append(line).append(end);
    }
    for (const bool last_line_ends : {true, false}) {
      const Parsed parsed(last_line_ends ? text : text.substr(0, text.size() - strlen(end)));
      EXPECT_STREQ(parsed.config.kernel, "\\EFI\\a.elf");
      EXPECT_STREQ(parsed.config.initrd, "/EFI/my initrd.img");
      EXPECT_STREQ(parsed.config.options, "selftest  poweroff");
      EXPECT_STREQ(parsed.config.bad_pages, "0x1000 0x3000");
      EXPECT_EQ(parsed.config.timeout, 4294967295U);
      EXPECT_EQ(parsed.log.text(), "");
    }
  }
}

TEST(Config, TheLastOneWins) {
  const Parsed parsed("options a\ntimeout 1\noptions b\ntimeout 2\ninitrd x\ninitrd\n");
  EXPECT_STREQ(parsed.config.options, "b");
  EXPECT_EQ(parsed.config.timeout, 2U);
  EXPECT_EQ(parsed.config.initrd, nullptr);
}

TEST(Config, ThereAreSeveralModules) {
  const Parsed parsed("module a /one\nmodule  b.c \t/EFI/my modules/two\nmodule a /three");
  ASSERT_EQ(parsed.config.module_count, 3U);
  EXPECT_STREQ(parsed.config.modules[0].name, "a");
  EXPECT_STREQ(parsed.config.modules[0].path, "/one");
  EXPECT_STREQ(parsed.config.modules[1].name, "b.c");
  EXPECT_STREQ(parsed.config.modules[1].path, "/EFI/my modules/two");
  EXPECT_STREQ(parsed.config.modules[2].path, "/three");
  EXPECT_EQ(parsed.log.text(), "");
}

TEST(Config, AModuleThatCannotBeTakenIsNamed) {
  std::string text = "module\nmodule alone\nmodule " + std::string(48, 'n') + " /x\n";
  for (int i = 0; i < 17; ++i) text += "module " + std::string(47, 'm') + " /x\n";
  const Parsed parsed(text);
  EXPECT_EQ(parsed.config.module_count, 16U);
  EXPECT_EQ(parsed.log.text(),
            "baton.conf: line 1 ignored: module needs a name and a path\n"
            "baton.conf: line 2 ignored: module needs a name and a path\n"
            "baton.conf: line 3 ignored: its module's name is too long (characters 48, most 47)\n"
            "baton.conf: line 20 ignored: there are 16 modules already, the most\n");
}

TEST(Config, AnEmptyOptionsLineEmptiesThem) {
  EXPECT_STREQ(Parsed("options a\noptions\n").config.options, "");
  EXPECT_STREQ(Parsed("options a\noptions").config.options, "");
}

TEST(Config, AByteOrderMarkIsPassedOver) {
  const Parsed parsed("\xef\xbb\xbfoptions a");
  EXPECT_STREQ(parsed.config.options, "a");
  EXPECT_EQ(parsed.log.text(), "");
}

TEST(Config, WhatIsWrongIsNamedAndCountsForNothing) {
  const Parsed parsed(
      "kernal x\n"
      "timeout soon\n"
      "timeout 4294967296\n"
      "timeout\n"
      "timeout -1\n"
      "kernel\n"
      "options caf\xc3\xa9\n"
      "options good\n");
  EXPECT_STREQ(parsed.config.options, "good");
  EXPECT_STREQ(parsed.config.kernel, "\\EFI\\baton\\kernel.elf");
  EXPECT_EQ(parsed.config.timeout, 0U);
  EXPECT_EQ(parsed.log.text(),
            "baton.conf: line 1 ignored: unknown key kernal"
            " (known: kernel, initrd, module, options, badpages, timeout)\n"
            "baton.conf: line 2 ignored: timeout is no number of seconds: soon\n"
            "baton.conf: line 3 ignored: timeout is no number of seconds: 4294967296\n"
            "baton.conf: line 4 ignored: timeout is no number of seconds: \n"
            "baton.conf: line 5 ignored: timeout is no number of seconds: -1\n"
            "baton.conf: line 6 ignored: kernel needs a path\n"
            "baton.conf: line 7 ignored: character 0xc3 at position 12 of it\n");
}

TEST(Config, ANulInsideIsNamed) {
  using namespace std::string_view_literals;
  const Parsed parsed("options a\0b\noptions c"sv);
  EXPECT_STREQ(parsed.config.options, "c");
  EXPECT_EQ(parsed.log.text(), "baton.conf: line 1 ignored: character 0x00 at position 10 of it\n");
}

TEST(Config, ALongLineIsTakenWhole) {
  const std::string words(100'000, 'w');
  EXPECT_EQ(Parsed("options " + words).config.options, words);
}

}  // namespace
}  // namespace loader
