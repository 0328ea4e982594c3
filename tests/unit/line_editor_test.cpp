// The line editor in front of a small terminal that does what the editor relies on.
#include "kernel/monitor/line_editor.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/monitor/pager.h"
#include "tests/support/terminal.h"

namespace kernel {
namespace {

using test::Terminal;

class LineEditorTest : public testing::Test {
 protected:
  LineEditorTest() { start(); }
  void start() { editor.begin("> ", terminal.printer()); }
  LineEditor::Event type(std::string_view text) {
    auto event = LineEditor::Event::None;
    for (const char c : text) event = editor.take(c, terminal.printer());
    return event;
  }
  // Types a line and starts the next.
  std::string enter(std::string_view text) {
    EXPECT_EQ(type(std::string(text) + "\r"), LineEditor::Event::Line);
    const std::string line(editor.line());
    start();
    return line;
  }
  // "text|text": the line with the cursor in it, as the terminal shows it; and the editor agrees.
  std::string shown() {
    EXPECT_EQ(terminal.row, "> " + std::string(editor.line()));
    std::string row = terminal.row.substr(2);
    return row.insert(terminal.column - 2, "|");
  }
  static constexpr const char* kLeft = "\x1b[D";
  Terminal terminal;
  LineEditor editor;
};

TEST_F(LineEditorTest, TypedCharactersAreEchoedAndNothingElse) {
  type("help");
  EXPECT_EQ(terminal.raw, "> help");
  EXPECT_EQ(type("\r"), LineEditor::Event::Line);
  EXPECT_EQ(editor.line(), "help");
  EXPECT_EQ(terminal.raw, "> help\n");
}

TEST_F(LineEditorTest, ALineThatFitsAgainIsShownFromItsBeginning) {
  editor.set_width(20);
  type("aaaaaaaaaa bbbbbbbbbb");
  EXPECT_EQ(terminal.row.find("aaaaaaaaaa"), std::string::npos);
  type("\x17");
  EXPECT_EQ(shown(), "aaaaaaaaaa |");
}

TEST_F(LineEditorTest, Moving) {
  type("one two three");
  type("\x1b[D\x1b[D");
  EXPECT_EQ(shown(), "one two thr|ee");
  type("\x01");
  EXPECT_EQ(shown(), "|one two three");
  type("\x1b[C\x06");
  EXPECT_EQ(shown(), "on|e two three");
  type("\x1b[1;5C");
  EXPECT_EQ(shown(), "one| two three");
  type(
      "\x1b"
      "f");
  EXPECT_EQ(shown(), "one two| three");
  type("\x1b[1;5D");
  EXPECT_EQ(shown(), "one |two three");
  type("\x1b[F");
  EXPECT_EQ(shown(), "one two three|");
  type("\x1b[H");
  EXPECT_EQ(shown(), "|one two three");
  type("\x1bOF\x1b[1~");
  EXPECT_EQ(shown(), "|one two three");
  type("\x1b[D\x02");
  EXPECT_EQ(shown(), "|one two three");
  type("\x1b[4~\x1b[C");
  EXPECT_EQ(shown(), "one two three|");
}

TEST_F(LineEditorTest, ChangingInTheMiddle) {
  type("one three\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D");
  type("two ");
  EXPECT_EQ(shown(), "one two |three");
  type("\x7f\b");
  EXPECT_EQ(shown(), "one tw|three");
  type("\x1b[3~\x04");
  EXPECT_EQ(shown(), "one tw|ree");
  type("\x17");
  EXPECT_EQ(shown(), "one |ree");
  type("\x0b");
  EXPECT_EQ(shown(), "one |");
  type("\x15");
  EXPECT_EQ(shown(), "|");
  type("\x7f\x04\x17");
  EXPECT_EQ(shown(), "|");
}

TEST_F(LineEditorTest, History) {
  enter("first");
  enter("second");
  enter("second");
  enter("");
  type("draft\x1b[A");
  EXPECT_EQ(shown(), "second|");
  type("\x10");
  EXPECT_EQ(shown(), "first|");
  type("\x1b[A");
  EXPECT_EQ(terminal.bells, 1u);
  EXPECT_EQ(shown(), "first|");
  type("\x1b[B\x0e");
  EXPECT_EQ(shown(), "draft|");
  type("\x1b[B");
  EXPECT_EQ(terminal.bells, 2u);
  type("\x1b[A\x1b[A!");
  EXPECT_EQ(enter(""), "first!");
  EXPECT_EQ(editor.history(1), "first!");
  EXPECT_EQ(editor.history(2), "second");
  EXPECT_EQ(editor.history(9), "");
}

TEST_F(LineEditorTest, HistoryForgetsTheOldest) {
  for (size_t i = 0; i < LineEditor::kHistory + 5; ++i) enter("line" + std::to_string(i));
  EXPECT_EQ(editor.history(LineEditor::kHistory), "line5");
  EXPECT_EQ(editor.history(LineEditor::kHistory + 1), "");
}

void offer_words(void*, std::string_view before, LineEditor::Offer offer, void* sink) {
  const bool first = before.find(' ') == std::string_view::npos;
  for (const char* word : first ? std::vector<const char*>{"reboot", "report", "map", "memtest"}
                                : std::vector<const char*>{"all", "off"}) {
    offer(sink, word);
  }
}

TEST_F(LineEditorTest, Completion) {
  editor.set_completion(&offer_words, nullptr);
  type("ma\t");
  EXPECT_EQ(shown(), "map |");
  type("a\t");
  EXPECT_EQ(shown(), "map all |");
  type("\x15r\t");
  EXPECT_EQ(shown(), "re|");
  EXPECT_EQ(terminal.bells, 0u);
  type("\t");
  EXPECT_EQ(terminal.bells, 1u);
  EXPECT_TRUE(terminal.above.empty());
  type("\t");
  EXPECT_EQ(terminal.above.back(), "  reboot  report");
  EXPECT_EQ(shown(), "re|");
  type("x\t");
  EXPECT_EQ(terminal.bells, 2u);
  EXPECT_EQ(shown(), "rex|");
}

TEST_F(LineEditorTest, LongLinesScrollSideways) {
  editor.set_width(20);
  type("abcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(terminal.row, "> jklmnopqrstuvwxyz");
  type("\x01");
  EXPECT_EQ(terminal.row, "> abcdefghijklmnopq");
  EXPECT_EQ(terminal.column, 2u);
  type("\x05");
  EXPECT_EQ(terminal.row, "> jklmnopqrstuvwxyz");
  EXPECT_EQ(enter(""), "abcdefghijklmnopqrstuvwxyz");
}

TEST_F(LineEditorTest, FullLine) {
  const std::string full(LineEditor::kMaxLine, 'x');
  type(full);
  EXPECT_EQ(terminal.bells, 0u);
  type("y");
  EXPECT_EQ(terminal.bells, 1u);
  EXPECT_EQ(enter(""), full);
}

TEST_F(LineEditorTest, WhatMeansNothingIsSwallowed) {
  type("\x1b[15~\x1b[200~\x1bz\x1bOP\x80\x01\x1b[5~ok");
  EXPECT_EQ(shown(), "ok|");
  EXPECT_EQ(type("\x03"), LineEditor::Event::Abandoned);
}

struct Reader {
  std::vector<Pager::Answer> answers;
  std::string seen;
  std::vector<size_t> asked_at;
  static Pager::Answer ask(void* self) {
    auto& reader = *static_cast<Reader*>(self);
    reader.asked_at.push_back(reader.seen.size());
    const Pager::Answer answer = reader.answers.front();
    reader.answers.erase(reader.answers.begin());
    return answer;
  }
  mm::Printer printer() {
    return {[](void* self, std::string_view text) { static_cast<Reader*>(self)->seen += text; },
            this};
  }
};

TEST(Pager, AsksWhenTheScreenIsFullAndMoreComes) {
  Reader reader{{Pager::Answer::Page, Pager::Answer::Line, Pager::Answer::Quit}, "", {}};
  Pager pager(reader.printer(), 4, 80, &Reader::ask, &reader);
  const mm::Printer out = pager.printer();
  out.text("1\n2\n3\n");
  EXPECT_TRUE(reader.asked_at.empty());
  out.text("4\n5\n6\n7\n8\n9\n");
  EXPECT_EQ(reader.asked_at, (std::vector<size_t>{6, 12, 14}));
  EXPECT_EQ(reader.seen, "1\n2\n3\n4\n5\n6\n7\n");
  EXPECT_TRUE(pager.quit());
}

// A line that folds is counted as the screen folds it, and is not begun where it has no room.
TEST(Pager, ALineIsShownAsAWhole) {
  Reader reader{{Pager::Answer::Page}, "", {}};
  {
    Pager pager(reader.printer(), 5, 20, &Reader::ask, &reader);
    const mm::Printer out = pager.printer();
    out.text("one\n12345678901234567 two");  // two rows: 17 and a blank, then "two" does not fit
    out.text("x three\n");
    EXPECT_TRUE(reader.asked_at.empty());
    out.text("12345678901234567 four\nend");
  }
  EXPECT_EQ(reader.asked_at, (std::vector<size_t>{33}));
  EXPECT_EQ(reader.seen, "one\n12345678901234567 twox three\n12345678901234567 four\nend");
}

TEST(Pager, RestAsksNoMoreAndWrappedLinesCount) {
  Reader reader{{Pager::Answer::Rest}, "", {}};
  Pager pager(reader.printer(), 4, 10, &Reader::ask, &reader);
  pager.printer().text(std::string(30, 'x') + "\n" + std::string(50, 'y') + "\n");
  EXPECT_EQ(reader.asked_at.size(), 1u);
  EXPECT_EQ(reader.seen.size(), 82u);
}

}  // namespace
}  // namespace kernel
