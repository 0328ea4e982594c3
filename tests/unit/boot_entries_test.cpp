// Entries and loader.conf of the Boot Loader Specification, drawn as files.
#include "loader/menu/boot_entries.h"

#include <gtest/gtest.h>
#include <algorithm>

#include <string>
#include <vector>

namespace loader {
namespace {

struct Findings {
  std::string text;
  mm::Printer printer() {
    return {[](void* self, std::string_view piece) { static_cast<Findings*>(self)->text += piece; },
            this};
  }
};

std::string joined(const BootEntry& entry) {
  char out[256];
  return {out, std::min(entry.join_options(out), sizeof out)};
}

TEST(BootEntries, AnEntry) {
  Findings findings;
  const auto entry = parse_entry("fedora-6.7.conf",
                                 "# a comment\r\n"
                                 "title        Fedora 40\r\n"
                                 "version\t6.7.4\n"
                                 "\n"
                                 "machine-id   4098b3f648d74c13b1f04ccfba7798e8\n"
                                 "sort-key     fedora\n"
                                 "options      root=UUID=6d3376e4 rhgb\n"
                                 "options      quiet\n"
                                 "architecture X64\n"
                                 "linux        /fedora/6.7.4/linux\n"
                                 "initrd       /fedora/6.7.4/initrd\n"
                                 "initrd       /fedora/microcode",
                                 findings.printer());
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(findings.text, "");
  EXPECT_EQ(entry->id, "fedora-6.7");
  EXPECT_EQ(entry->title, "Fedora 40");
  EXPECT_EQ(entry->version, "6.7.4");
  EXPECT_EQ(entry->program(), "/fedora/6.7.4/linux");
  EXPECT_EQ(joined(*entry),
            "initrd=\\fedora\\6.7.4\\initrd initrd=\\fedora\\microcode root=UUID=6d3376e4 rhgb "
            "quiet");
  EXPECT_FALSE(entry->tries_left.has_value());
}

TEST(BootEntries, WhatCannotBeTakenIsNamed) {
  Findings findings;
  const auto entry = parse_entry("a.conf", "title\nefi /a.efi\nfrobnicate 7\n", findings.printer());
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->title, "a");
  EXPECT_EQ(findings.text,
            "a.conf: line 1 ignored: no value for title\n"
            "a.conf: line 3 ignored: unknown key frobnicate\n");
  findings.text.clear();
  EXPECT_FALSE(parse_entry("b.conf", "title B\n", findings.printer()).has_value());
  EXPECT_EQ(findings.text, "b.conf: ignored: neither efi nor linux names a program\n");
  findings.text.clear();
  EXPECT_FALSE(parse_entry("c.conf", "efi /c.efi\narchitecture aa64\n", findings.printer()));
  EXPECT_EQ(findings.text, "");
  std::string many = "efi /d.efi\n";
  for (int i = 0; i < 9; ++i) many += "options x\n";
  ASSERT_TRUE(parse_entry("d.conf", many, findings.printer()).has_value());
  EXPECT_EQ(findings.text, "d.conf: line 10 ignored: too many lines of options\n");
}

// Options are passed on as a text that ends with one.
TEST(BootEntries, ALineWithANulCountsAsIfItWereNotThere) {
  Findings findings;
  using namespace std::string_view_literals;  // NOLINT: for a NUL in a text
  const auto entry = parse_entry(
      "a.conf", "efi /a.efi\noptions root=/dev/sda1 \0 ro\noptions quiet\n"sv, findings.printer());
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(joined(*entry), "quiet");
  EXPECT_EQ(findings.text, "a.conf: line 2 ignored: a NUL in the value of options\n");
}

TEST(BootEntries, OptionsThatDoNotFitTellTheirLength) {
  BootEntry entry;
  entry.efi = "/x";
  entry.options[entry.option_count++] = "one two";
  char small[4] = {'-', '-', '-', '-'};
  EXPECT_EQ(entry.join_options(std::span(small, 3)), 7u);
  EXPECT_EQ(std::string_view(small, 4), "one-");
}

TEST(BootEntries, InitrdsGoAsWordsOrAnotherWay) {
  BootEntry entry;
  entry.linux_ = "/x";
  entry.initrds[entry.initrd_count++] = "/a/b";
  entry.options[entry.option_count++] = "quiet";
  EXPECT_EQ(joined(entry), "initrd=\\a\\b quiet");
  char out[32];
  EXPECT_EQ(std::string(out, entry.join_options(out, BootEntry::Initrds::LeftOut)), "quiet");
}

TEST(BootEntries, BootCounters) {
  const struct {
    const char* name;
    const char* id;
    std::optional<uint32_t> left;
    uint32_t done = 0;
  } cases[] = {{"x+3.conf", "x", 3},         {"x+0-3.conf", "x", 0, 3}, {"x+.conf", "x+", {}},
               {"x+a.conf", "x+a", {}},      {"x+1-.conf", "x+1-", {}}, {"+1.conf", "+1", {}},
               {"gtk+-2.conf", "gtk+-2", {}}};
  for (const auto& c : cases) {
    const auto entry = parse_entry(c.name, "efi /x", {});
    ASSERT_TRUE(entry.has_value());
    EXPECT_EQ(entry->id, c.id) << c.name;
    EXPECT_EQ(entry->tries_left, c.left) << c.name;
    EXPECT_EQ(entry->tries_done, c.done) << c.name;
    EXPECT_EQ(entry->file, c.name);
  }
}

TEST(BootEntries, Versions) {
  EXPECT_LT(compare_versions("11", "122"), 0);
  EXPECT_LT(compare_versions("0.10.0", "0.10.1"), 0);
  EXPECT_LT(compare_versions("0.9", "0.10"), 0);
  EXPECT_LT(compare_versions("123~rc1", "123"), 0);
  EXPECT_LT(compare_versions("123", "123a"), 0);
  EXPECT_LT(compare_versions("123", "123-1"), 0);
  EXPECT_LT(compare_versions("123-1", "123^1"), 0);
  EXPECT_LT(compare_versions("123^1", "123.1"), 0);
  EXPECT_LT(compare_versions("123.1", "1234"), 0);
  EXPECT_LT(compare_versions("a", "1"), 0);
  EXPECT_LT(compare_versions("A", "a"), 0);
  EXPECT_EQ(compare_versions("007", "7"), 0);
  EXPECT_EQ(compare_versions("1_2", "1 2"), 0);
  EXPECT_EQ(compare_versions("", ""), 0);
  EXPECT_GT(compare_versions("1", "1~"), 0);
}

std::vector<std::string> sorted(const std::vector<std::pair<const char*, const char*>>& files) {
  std::vector<BootEntry> entries;
  for (const auto& [name, text] : files) entries.push_back(*parse_entry(name, text, {}));
  sort_entries(entries);
  std::vector<std::string> ids;
  for (const BootEntry& entry : entries) ids.emplace_back(entry.id);
  return ids;
}

TEST(BootEntries, Order) {
  EXPECT_EQ(sorted({{"old.conf", "efi /x\nsort-key b\nversion 1.9"},
                    {"nokey-2.conf", "efi /x"},
                    {"bad+0.conf", "efi /x\nsort-key a"},
                    {"new.conf", "efi /x\nsort-key b\nversion 1.10"},
                    {"nokey-10.conf", "efi /x"},
                    {"first.conf", "efi /x\nsort-key a"}}),
            (std::vector<std::string>{"first", "new", "old", "nokey-10", "nokey-2", "bad"}));
}

// In the order in which sorting by insertion moves each past all before it: by squares, this would
// not come to an end.
TEST(BootEntries, TensOfThousandsAreSorted) {
  constexpr size_t kCount = 50'000;
  std::vector<std::string> names;
  for (size_t i = 0; i < kCount; ++i) names.push_back("entry-" + std::to_string(i) + ".conf");
  std::vector<BootEntry> entries;
  for (const std::string& name : names) entries.push_back(*parse_entry(name, "efi /x", {}));
  sort_entries(entries);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(entries[i].id, "entry-" + std::to_string(kCount - 1 - i));
  }
}

TEST(BootEntries, LoaderConf) {
  Findings findings;
  const MenuConfig config = parse_loader_conf(
      "# menu\ntimeout 5\ndefault fedora-*\neditor no\nconsole-mode keep\n", findings.printer());
  EXPECT_EQ(findings.text, "");
  EXPECT_EQ(config.timeout, 5u);
  EXPECT_EQ(config.default_pattern, "fedora-*");
  EXPECT_FALSE(config.editor);
  EXPECT_EQ(parse_loader_conf("timeout menu-force", {}).timeout, MenuConfig::kForEver);
  EXPECT_EQ(parse_loader_conf("", {}).timeout, 0u);
  EXPECT_TRUE(parse_loader_conf("", {}).editor);
  const MenuConfig odd =
      parse_loader_conf("timeout soon\neditor vi\nfoo bar\n", findings.printer());
  EXPECT_EQ(odd.timeout, 0u);
  EXPECT_EQ(findings.text,
            "\\loader\\loader.conf: line 1 ignored: timeout is no number of seconds: soon\n"
            "\\loader\\loader.conf: line 2 ignored: editor is neither yes nor no: vi\n"
            "\\loader\\loader.conf: line 3 ignored: unknown key foo\n");
}

TEST(BootEntries, Patterns) {
  const std::vector<std::pair<const char*, bool>> patterns{
      {"baton", true}, {"baton.conf", true}, {"b*", true},   {"*b?t*", true},
      {"BATON", true}, {"baton-*", false},   {"none", false}};
  BootEntry entry;
  entry.id = "baton";
  for (const auto& [pattern, chosen] : patterns) {
    EXPECT_EQ(is_chosen_by(entry, pattern), chosen) << pattern;
  }
}

}  // namespace
}  // namespace loader
