#include "kernel/options.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "kernel/memory_options.h"
#include "kernel/nearest.h"
#include "kernel/selftest/ktap.h"
#include "kernel/symbols.h"
#include "tests/support/own_e820.h"
#include "tests/unit/acpi_bytes.h"

namespace kernel {
namespace {

using acpi_test::Log;

TEST(Options, WordsAreSeparatedByBlanks) {
  const Options options("  selftest\tmem=2G poweroff mem=1G\r\n");
  EXPECT_TRUE(options.has("selftest"));
  EXPECT_TRUE(options.has("poweroff"));
  EXPECT_FALSE(options.has("power"));
  ASSERT_TRUE(options.find("mem").has_value());
  EXPECT_EQ(options.find("mem")->value, "1G") << "the last one wins";
  std::string all;
  options.for_each([&](const Option& o) {
    all += o.name;
    all += "|";
    all += o.value;
    all += ";";
  });
  EXPECT_EQ(all, "selftest|;mem|2G;poweroff|;mem|1G;");
}

// Linux's next_arg().
TEST(Options, QuotesHoldAWordTogetherAndAreTakenOff) {
  const auto words = [](const char* text) {
    std::string all;
    Options(text).for_each([&](const Option& o) {
      all += std::string(o.name) + "|" + std::string(o.value) + (o.open ? "|open;" : ";");
    });
    return all;
  };
  EXPECT_EQ(words(R"(memmap="16M$400M" poweroff)"), "memmap|16M$400M;poweroff|;");
  EXPECT_EQ(words(R"("memmap=16M$400M" poweroff)"), "memmap|16M$400M;poweroff|;");
  EXPECT_EQ(words(R"(panic="two words" "mem=1 G" mem=2G)"), "panic|two words;mem|1 G;mem|2G;");
  EXPECT_EQ(words(R"("poweroff" "" mem="" x)"), "poweroff|;|;mem|;x|;");
  // Only what stands around a value is taken off.
  EXPECT_EQ(words(R"(memmap=16M"$"400M)"), "memmap|16M\"$\"400M;");
  EXPECT_EQ(words(R"(mem=1G panic="all the rest)"), "mem|1G;panic|all the rest|open;");
}

TEST(Options, NothingIsNoWord) {
  EXPECT_FALSE(Options("").has("selftest"));
  EXPECT_FALSE(Options(" \t ").has(""));
}

TEST(Options, FaultsAreNamed) {
  Log log;
  EXPECT_EQ(
      Options("selftest=full slefttest mem poweroff=now early=bootmem").complain(log.printer()),
      3U);
  EXPECT_EQ(log.text(),
            "Unknown option \"slefttest\": ignored; did you mean \"selftest\"?\n"
            "Option \"mem\" needs a value: mem=SIZE: use no RAM above SIZE (K, M, G, T)\n"
            "Option \"poweroff\" takes no value: \"now\" is ignored\n");
  Log quote;
  EXPECT_EQ(Options("bench \"selftest poweroff").complain(quote.printer()), 2U);
  EXPECT_EQ(quote.text(),
            "A quote is never closed: all from here on is one word: \"selftest poweroff\n"
            "Unknown option \"selftest poweroff\": ignored\n");
}

// A line as it is found in people's grub.cfg, where \$ keeps GRUB from taking $ for a variable's.
TEST(Options, WhatIsRefusedIsShownAsItStands) {
  const Options options(
      R"(memmap=64M\$128M memmap=32M\\\$320M memmap="16M$400M" mem=1,5G kernelcore=2x)");
  test::OwnE820 map;
  map.add(0, mm::kGiB);
  mm::E820Table& e820 = map.e820;
  Log log;
  const mm::E820Changes changes = change_e820(options, e820, log.printer());
  (void)memory_options(options, log.printer());
  EXPECT_EQ(changes.taken_by_memmap, 16 * mm::kMiB);
  EXPECT_FALSE(e820.all({mm::Phys{400 * mm::kMiB}, mm::Phys{416 * mm::kMiB}}, mm::E820Type::Ram));
  const std::string hint =
      "  (a backslash before $ is GRUB's escape, for its own files only: leave it out here)\n";
  EXPECT_EQ(log.text(),
            R"(Option "memmap=64M\$128M" refused: memmap=: none of @, #, $, ! and % follows the )"
            "size (characters left 6)\n" +
                hint +
                R"(Option "memmap=32M\\\$320M" refused: memmap=: none of @, #, $, ! and % follows )"
                "the size (characters left 8)\n" +
                hint +
                "Option \"mem=1,5G\" refused: mem=: what follows is not understood (characters "
                "left 3)\n"
                "Option \"kernelcore=2x\" refused: kernelcore: what follows is not understood "
                "(characters left 1)\n");
}

// The words that a source looks for among the options.
void add_words_of(const std::filesystem::path& path, std::set<std::string>& words) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  static const std::regex kLooksFor(
      R"re((?:[Oo]ptions(?:\([^()]*\))?\s*\.\s*(?:has|find)\(|[Oo]ption\.name\s*[!=]=\s*|has_option_word\([\w.]+, )"([^"]+)")re");
  for (std::sregex_iterator it(text.begin(), text.end(), kLooksFor), end; it != end; ++it) {
    words.insert((*it)[1]);
  }
}

TEST(Options, TheListHasWhatTheSourcesLookFor) {
  std::set<std::string> obeyed;
  for (const char* folder : {"kernel", "loader", "efi"}) {
    ASSERT_TRUE(std::filesystem::is_directory(folder)) << "run from the project's folder";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".cpp") add_words_of(entry.path(), obeyed);
    }
  }
  EXPECT_GE(obeyed.size(), 14U) << "the search finds them no more";
  std::set<std::string> listed;
  for (const OptionRow& row : known_options()) {
    listed.emplace(row.name);
    const std::string_view help(row.help);
    ASSERT_TRUE(help.starts_with(row.name)) << help;
    const char next = help[row.name.size()];
    const char* expected = row.value == OptionRow::Value::None     ? ":"
                           : row.value == OptionRow::Value::Needed ? "="
                                                                   : "[";
    EXPECT_EQ(std::string(1, next), expected) << help;
    EXPECT_GT(help.size(), row.name.size() + 10) << help;
  }
  for (const std::string& word : obeyed) EXPECT_EQ(listed.count(word), 1U) << word;
  obeyed.insert("monitor");  // says what happens anyway, so that tools/run leaves it to that
  for (const std::string& word : listed) EXPECT_EQ(obeyed.count(word), 1U) << word;
}

TEST(Nearest, LettersApart) {
  EXPECT_EQ(letters_apart("help", "help"), 0U);
  EXPECT_EQ(letters_apart("hlep", "help"), 1U) << "neighbours exchanged";
  EXPECT_EQ(letters_apart("elhp", "help"), 2U);
  EXPECT_EQ(letters_apart("hepl", "help"), 1U);
  EXPECT_EQ(letters_apart("hel", "help"), 1U);
  EXPECT_EQ(letters_apart("hhelp", "help"), 1U);
  EXPECT_EQ(letters_apart("hulp", "help"), 1U);
  EXPECT_EQ(letters_apart("", "help"), 4U);
  EXPECT_EQ(letters_apart("help", ""), 4U);
  EXPECT_EQ(letters_apart("", ""), 0U);
  EXPECT_EQ(letters_apart("kitten", "sitting"), 3U);
  EXPECT_EQ(letters_apart(std::string(kMaxWord, 'x'), std::string(kMaxWord, 'y')), kMaxWord);
  EXPECT_EQ(letters_apart(std::string(5000, 'x'), "x"), 5000U);
}

TEST(Nearest, OnlyWhatIsMeant) {
  const auto meant = [](std::string_view typed) {
    Nearest nearest(typed);
    for (const char* known : {"help", "e820", "buddyinfo", "meminfo", "memtest", "pt", "qr"}) {
      nearest.offer(known);
    }
    return std::string(nearest.word());
  };
  EXPECT_EQ(meant("hlep"), "help");
  EXPECT_EQ(meant("HELP"), "");
  EXPECT_EQ(meant("e280"), "e820");
  EXPECT_EQ(meant("buddy"), "buddyinfo") << "the beginning";
  EXPECT_EQ(meant("mem"), "meminfo") << "the first of two";
  EXPECT_EQ(meant("memtst"), "memtest");
  EXPECT_EQ(meant("ls"), "");
  EXPECT_EQ(meant("p"), "");
  EXPECT_EQ(meant("x"), "");
  EXPECT_EQ(meant(""), "");
  EXPECT_EQ(meant(std::string(300, 'h')), "");
}

TEST(Ktap, PlanFirstTotalsLast) {
  Log log;
  Ktap ktap(log.printer(), 5);
  ktap.ok("a.first");
  ktap.diagnostic("found: ", "3\nexpected 4");
  ktap.not_ok("b.second");
  ktap.skip("c.third", "one node\nand no more");
  ktap.expected_failure("d.fourth", "known of this firmware");
  ktap.unexpected_pass("e.fifth", "known of this firmware");
  EXPECT_FALSE(ktap.finish());
  EXPECT_EQ(log.text(),
            "KTAP version 1\n"
            "1..5\n"
            "ok 1 a.first\n"
            "# found: 3\n"
            "# found: expected 4\n"
            "not ok 2 b.second\n"
            "ok 3 c.third # SKIP one node\n"
            "ok 4 d.fourth # XFAIL known of this firmware\n"
            "not ok 5 e.fifth # XPASS known of this firmware\n"
            "# Totals: pass:1 fail:1 xfail:1 xpass:1 skip:1 error:0\n");
}

TEST(Ktap, SubtestsAreADocumentOfTheirOwn) {
  Log log;
  Ktap ktap(log.printer(), 1);
  Ktap inner = Ktap::subtests(ktap, "mm", 1);
  inner.diagnostic("", "why");
  inner.ok("mm.ledger");
  EXPECT_TRUE(inner.finish());
  ktap.ok("mm");
  EXPECT_TRUE(ktap.finish());
  EXPECT_EQ(log.text(),
            "KTAP version 1\n"
            "1..1\n"
            "  KTAP version 1\n"
            "  1..1\n"
            "  # Subtest: mm\n"
            "  # why\n"
            "  ok 1 mm.ledger\n"
            "  # Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0\n"
            "ok 1 mm\n"
            "# Totals: pass:1 fail:0 xfail:0 xpass:0 skip:0 error:0\n");
}

TEST(Ktap, APhaseHasPassedWhereATestOfItHas) {
  Log log;
  Ktap ktap(log.printer(), 4);
  ktap.phase("mm", true, {.pass = 1, .xfail = 1, .skip = 1});
  ktap.phase("acpi", false, {.pass = 1, .fail = 1});
  ktap.phase("efi", true, {.skip = 3});
  ktap.phase("machine", true, {.xfail = 1, .skip = 3});
  EXPECT_FALSE(ktap.finish());
  EXPECT_EQ(log.text(),
            "KTAP version 1\n"
            "1..4\n"
            "ok 1 mm\n"
            "not ok 2 acpi\n"
            "ok 3 efi # SKIP all of its tests were skipped\n"
            "ok 4 machine # XFAIL none of its tests passed, and what failed is known to\n"
            "# Totals: pass:1 fail:1 xfail:1 xpass:0 skip:1 error:0\n");
}

TEST(Ktap, AShortRunHasNotPassed) {
  Log log;
  Ktap ktap(log.printer(), 2);
  ktap.ok("a.first");
  EXPECT_FALSE(ktap.finish());
}

TEST(Symbols, NameAndOffset) {
  const SymbolEntry entries[] = {{0, 0}, {0x100, 6}};
  constexpr uint64_t kText = 0xffffffff80200000;
  const SymbolTable table(entries, std::string_view("first\0second\0", 13), kText);
  EXPECT_EQ(table.find(kText).name, "first");
  EXPECT_EQ(table.find(0xffffffff802000ff).offset, 0xffU);
  EXPECT_EQ(table.find(0xffffffff802000ff).size, 0x100U);
  EXPECT_EQ(table.find(0xffffffff80200100).name, "second");
  EXPECT_EQ(table.find(0xffffffff801fffff).name, "");
  EXPECT_EQ(table.find(0x80200000).name, "") << "not in the image's part of the address space";
  EXPECT_EQ(table.find(0).name, "");
  EXPECT_EQ(SymbolTable().find(0xffffffff80200000).name, "");
}

}  // namespace
}  // namespace kernel
