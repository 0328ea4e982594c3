#include "kernel/console.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace kernel {
namespace {

std::string line, screen;
void to_line(std::string_view text) { line += text; }
void to_screen(std::string_view text) { screen += text; }
void to_dead_line(std::string_view) {}  // a port that drops all it is given

std::string ring_of(const Console& console) {
  static std::string text;
  text.clear();
  console.replay([](std::string_view piece) { text += piece; });
  return text;
}

class ConsoleTest : public testing::Test {
 protected:
  ConsoleTest() { line = screen = ""; }
  const std::unique_ptr<Console> console_ = std::make_unique<Console>();
};

TEST_F(ConsoleTest, TheScreenGetsAllWhateverBecomesOfALine) {
  console_->add_line(to_dead_line);
  console_->add_output(to_screen);
  console_->log("one\n");
  console_->bare("two\n");
  EXPECT_EQ(screen, "[    0.000000] one\ntwo\n");
  EXPECT_EQ(ring_of(*console_), screen);
}

std::string since;
uint64_t since_of(const Console& console, uint64_t from) {
  since.clear();
  return console.replay_since(from, [](std::string_view piece) { since += piece; });
}

TEST_F(ConsoleTest, WhatWasWrittenSince) {
  console_->bare("one\n");
  const uint64_t one = since_of(*console_, 0);
  EXPECT_EQ(since, "one\n");
  EXPECT_EQ(since_of(*console_, one), one);
  EXPECT_EQ(since, "");
  console_->bare("two\n");
  (void)since_of(*console_, one);
  EXPECT_EQ(since, "two\n");
  // Around the ring's end, and where what is asked for is not held any more.
  std::string much;
  for (int i = 0; i < 9000; ++i) much += "0123456789abcde\n";
  console_->bare(much);
  const uint64_t all = since_of(*console_, 0);
  EXPECT_EQ(since, much.substr(much.size() - Console::kRingSize));
  EXPECT_EQ(ring_of(*console_), since);
  EXPECT_EQ(since_of(*console_, all - 70'000), all);
  EXPECT_EQ(since, much.substr(much.size() - 70'000));
}

// Found in any order, lines hear it first.
TEST_F(ConsoleTest, LinesAreServedFirst) {
  console_->add_output([](std::string_view text) {
    EXPECT_EQ(line, text) << "nothing that could break comes before a line";
    screen += text;
  });
  console_->add_line(to_line);
  console_->bare("x\n");
  EXPECT_EQ(line, "x\n");
  EXPECT_EQ(screen, "x\n");
}

// An output that keeps what it gets until it is told to show it.
std::string kept;
void keep(std::string_view text) { kept += text; }
void show_kept() { screen += std::exchange(kept, ""); }

TEST_F(ConsoleTest, WhatAnOutputKeepsIsShownWhenAsked) {
  console_->add_output(keep, show_kept);
  console_->add_line(to_line);  // takes the first place, and has nothing to show
  console_->bare("one\n");
  EXPECT_EQ(line, "one\n");
  EXPECT_EQ(screen, "");
  console_->flush();
  EXPECT_EQ(screen, "one\n");
}

TEST_F(ConsoleTest, LastWordsAreShownAsTheyCome) {
  console_->add_output(keep, show_kept);
  console_->bare("before\n");
  console_->speak_to(Console::Hearers::Lines);
  console_->bare("to lines\n");
  EXPECT_EQ(screen, "");
  console_->speak_to(Console::Hearers::Others);
  console_->bare("the");
  EXPECT_EQ(screen, "before\nthe");
}

TEST_F(ConsoleTest, LastWordsGoToLinesAndThenToTheOthers) {
  console_->add_output(to_screen);
  console_->add_line(to_line);
  console_->bare("half a li");
  console_->speak_to(Console::Hearers::Lines);
  console_->bare("the end\n");
  EXPECT_EQ(line, "half a li\nthe end\n");
  EXPECT_EQ(screen, "half a li");
  EXPECT_EQ(ring_of(*console_), "half a li") << "the ring is memory, which may be what is broken";
  console_->speak_to(Console::Hearers::Others);
  console_->bare("the end\n");
  EXPECT_EQ(line, "half a li\nthe end\n");
  EXPECT_EQ(screen, line);
  EXPECT_EQ(ring_of(*console_), line);
}

TEST_F(ConsoleTest, LastWordsThatBreakOffOnALineEndThere) {
  console_->add_output(to_screen);
  console_->add_line(to_line);
  console_->speak_to(Console::Hearers::Lines);
  console_->bare("the first wo");
  console_->speak_to(Console::Hearers::Others);
  console_->bare("both\n");
  EXPECT_EQ(screen, "both\n");
}

TEST_F(ConsoleTest, NoMoreOutputsThanThereIsRoomFor) {
  for (size_t i = 0; i < Console::kMaxOutputs; ++i) EXPECT_TRUE(console_->add_line(to_dead_line));
  EXPECT_FALSE(console_->add_line(to_line));
  EXPECT_FALSE(console_->add_output(to_screen));
}

}  // namespace
}  // namespace kernel
