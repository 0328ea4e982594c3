// What the replay's page is given: text that can stand in a page whatever it says, and what is free
// in few words.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/relayed.h"
#include "tools/replay/picture/free_runs.h"
#include "tools/replay/picture/json_writer.h"

namespace {

using replay::JsonWriter;

std::string string_of(std::string_view text) { return JsonWriter().string(text).text(); }

TEST(JsonWriter, CommasComeByThemselves) {
  JsonWriter json;
  json.open('{').key("a").open('[').number(1).number(2).open('[').close(']').close(']');
  json.key("b").string("x").close('}');
  EXPECT_EQ(json.text(), R"({"a":[1,2,[]],"b":"x"})");
}

TEST(JsonWriter, TextCannotEndItsElement) {
  EXPECT_EQ(string_of("</script><!--&"), R"("\u003c/script\u003e\u003c!--\u0026")");
  EXPECT_EQ(string_of("a\"b\\c\n\x7f"), R"("a\u0022b\u005cc\u000a\u007f")");
  EXPECT_EQ(string_of(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(JsonWriter, WhatIsNoUtf8IsReplaced) {
  EXPECT_EQ(string_of("z\u00fc \u20ac \U0001f600"), "\"z\u00fc \u20ac \U0001f600\"");
  EXPECT_EQ(string_of("a\xff\xc3"), R"("a\ufffd\ufffd")");
  // Longer than needed, surrogates, beyond U+10FFFF, cut off.
  for (const char* bad : {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xe2\x82", "\x80", "\xf0\x8f\xbf\xbf"}) {
    EXPECT_EQ(replay::utf8_length(bad), 0U) << string_of(bad);
  }
  EXPECT_EQ(replay::utf8_length(""), 0U);
  EXPECT_EQ(replay::utf8_length("\xf4\x8f\xbf\xbf"), 4U);
}

TEST(FreeRuns, AreAllThatIsFreeByAddress) {
  const test::Relayed machine(R"(
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000023fffffff] usable
)");
  const auto& pages = machine.relay.pages();
  const auto runs = replay::free_runs_of(pages);
  uint64_t frames = 0;
  uint64_t longest = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    frames += runs[i].count << runs[i].order;
    longest = std::max(longest, runs[i].count);
    if (i == 0) continue;
    EXPECT_LE(runs[i - 1].start + (runs[i - 1].count << runs[i - 1].order), runs[i].start);
  }
  EXPECT_EQ(frames, pages.counts().free + pages.counts().on_cpu_lists);
  EXPECT_GE(longest, 4U);  // whole GiB lie side by side
  uint64_t counted = 0;
  const replay::FreeCounts counts = replay::free_counts_of(pages);
  for (const auto& zone : counts[0]) {
    for (unsigned order = 0; order < zone.size(); ++order) counted += zone[order] << order;
  }
  EXPECT_EQ(counted, pages.counts().free);
}

}  // namespace
