#include "loader/handoff/self_test.h"

#include <gtest/gtest.h>

#include <string>

namespace loader {
namespace {

TEST(SelfTestFacts, LinesAndACutThatShows) {
  Facts facts;
  facts.say("page {:#x}", 0x1000);
  facts.say("node {}", 1);
  EXPECT_STREQ(facts.text(), "page 0x1000\nnode 1");
  facts.say("{}", std::string(300, 'x').c_str());
  const std::string cut = facts.text();
  EXPECT_EQ(cut.size(), Facts::kSize - 1);
  EXPECT_EQ(cut.substr(cut.size() - 4), "x...");
}

TEST(SelfTestFacts, AFullLineIsNotCut) {
  Facts facts;
  facts.say("{}", std::string(Facts::kSize - 1, 'x').c_str());
  EXPECT_EQ(facts.text(), std::string(Facts::kSize - 1, 'x'));
}

TEST(SelfTestCounts, AreReadFromALine) {
  const auto read = [](std::string_view line) -> std::string {
    const auto counted = counted_in(line);
    if (!counted) return "none";
    return std::to_string(counted->passed) + "/" + std::to_string(counted->failed);
  };
  EXPECT_EQ(read("Self-tests: 12 passed, 0 failed, 3 skipped, 1 known failure"), "12/0");
  EXPECT_EQ(read("0 passed, 110 failed"), "0/110");
  EXPECT_EQ(read("9 failed before, now 3 passed, 1 failed"), "3/1");
  EXPECT_EQ(read("the write failed"), "none");
  EXPECT_EQ(read("what passed, what failed"), "none");
  EXPECT_EQ(read(" passed, 1 failed"), "none");
  EXPECT_EQ(read("1 passed, 99999999999999999999 failed"), "none");
  EXPECT_EQ(read(""), "none");
}

TEST(SelfTestPatterns, MeanTheTestOrAllBelowOrWhatStarsSay) {
  EXPECT_TRUE(id_matches("efi.map.overlap", "efi.map.overlap"));
  EXPECT_TRUE(id_matches("efi.map", "efi.map.overlap"));
  EXPECT_TRUE(id_matches("efi", "efi.map.overlap"));
  EXPECT_FALSE(id_matches("efi.ma", "efi.map.overlap"));
  EXPECT_FALSE(id_matches("efi.map.overlap.x", "efi.map.overlap"));
  EXPECT_TRUE(id_matches("efi.*", "efi.map.overlap"));
  EXPECT_TRUE(id_matches("*overlap", "efi.map.overlap"));
  EXPECT_TRUE(id_matches("*.srat.*", "acpi.srat.overlap"));
  EXPECT_FALSE(id_matches("*.srat.*", "acpi.slit.size"));
  EXPECT_TRUE(id_matches("*", ""));
  EXPECT_FALSE(id_matches("*a*b", "aab.c"));
}

TEST(SelfTestSelection, FromTheOptionsLine) {
  EXPECT_FALSE(Selection("poweroff selftests mem=2G").asked());
  EXPECT_TRUE(Selection("selftest poweroff").wants("mm.ledger"));
  EXPECT_FALSE(Selection("poweroff").wants("mm.ledger"));

  const Selection some("poweroff selftest=efi.*,mm.ledger,full");
  EXPECT_TRUE(some.asked());
  EXPECT_TRUE(some.full());
  EXPECT_FALSE(some.list());
  EXPECT_TRUE(some.wants("efi.map.overlap"));
  EXPECT_TRUE(some.wants("mm.ledger"));
  EXPECT_FALSE(some.wants("mm.audit"));
  std::string patterns;
  some.for_each_pattern([&](std::string_view p) { patterns += std::string(p) + ";"; });
  EXPECT_EQ(patterns, "efi.*;mm.ledger;");

  const Selection list("selftest=efi\tselftest=list");
  EXPECT_TRUE(list.list());
  EXPECT_TRUE(list.wants("mm.audit"));
}

// The loader and the kernel read one options line by one rule.
TEST(SelfTestSelection, QuotesAreTakenOff) {
  EXPECT_TRUE(Selection(R"(poweroff selftest="efi.map,acpi")").wants("acpi.rsdp"));
  EXPECT_TRUE(Selection(R"("selftest=efi.map")").wants("efi.map.form"));
  EXPECT_FALSE(Selection(R"(panic="not a selftest")").asked());
}

}  // namespace
}  // namespace loader
