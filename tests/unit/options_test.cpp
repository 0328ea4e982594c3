#include "kernel/options.h"

#include <gtest/gtest.h>

#include <string>

#include "kernel/ktap.h"
#include "kernel/symbols.h"
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
            "Unknown option \"slefttest\": ignored\n"
            "Option \"mem\" needs a value: mem=SIZE: use no RAM above SIZE (K, M, G, T)\n"
            "Option \"poweroff\" takes no value: \"now\" is ignored\n");
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

TEST(Ktap, AShortRunHasNotPassed) {
  Log log;
  Ktap ktap(log.printer(), 2);
  ktap.ok("a.first");
  EXPECT_FALSE(ktap.finish());
}

TEST(Symbols, NameAndOffset) {
  const SymbolEntry entries[] = {{0x80200000, 0}, {0x80200100, 6}};
  const SymbolTable table(entries, std::string_view("first\0second\0", 13));
  EXPECT_EQ(table.find(0xffffffff80200000).name, "first");
  EXPECT_EQ(table.find(0xffffffff802000ff).offset, 0xffU);
  EXPECT_EQ(table.find(0xffffffff802000ff).size, 0x100U);
  EXPECT_EQ(table.find(0xffffffff80200100).name, "second");
  EXPECT_EQ(table.find(0xffffffff801fffff).name, "");
  EXPECT_EQ(table.find(0x80200000).name, "") << "not in the image's part of the address space";
  EXPECT_EQ(SymbolTable().find(0xffffffff80200000).name, "");
}

}  // namespace
}  // namespace kernel
