// A UART whose other end reads, stalls, or is not there, and what that costs.
#include "loader/serial/uart.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

namespace loader {
namespace {

// A chip that takes a character when it has none, with a FIFO sixteen then, and passes each on
// `character_time` later, if somebody reads then.
struct Chip {
  bool has_fifo = false;
  bool has_scratch = true, loops = true;
  bool there = true, lingers = false;  // an empty bus may still show what was last written
  bool reader = true;
  uint64_t character_time = 87;  // microseconds: 115200 baud
  bool clock_stands = false;

  std::string taken;
  std::deque<char> typed;
  uint64_t now = 0, looks = 0;
  uint8_t scratch = 0, modem = 0, last_on_bus = 0xff;
  std::deque<char> in_transit;
  uint64_t next_at = 0;

  void move() {
    for (; !in_transit.empty() && now >= next_at && reader; next_at += character_time) {
      taken += in_transit.front();
      in_transit.pop_front();
    }
  }
  // A look at a register takes a microsecond.
  uint8_t read(unsigned reg) {
    ++looks;
    ++now;
    if (!there) return lingers ? last_on_bus : 0xff;
    move();
    switch (reg) {
      case 0: {
        const char c = typed.front();
        typed.pop_front();
        return static_cast<uint8_t>(c);
      }
      case 2:
        return has_fifo ? 0xc1 : 0x01;
      case 4:
        return modem;
      case 5:
        return static_cast<uint8_t>((typed.empty() ? 0 : 1) | (in_transit.empty() ? 0x60 : 0));
      case 6:
        return (modem & 0x10) != 0 && loops ? 0x90 : 0;
      case 7:
        return has_scratch ? scratch : 0;
      default:
        return 0;
    }
  }
  void write(unsigned reg, uint8_t value) {
    ++now;
    last_on_bus = value;
    if (!there) return;
    move();
    if (reg == 7) scratch = value;
    if (reg == 4) modem = value;
    if (reg == 3) divisor_ = (value & 0x80) != 0;
    if (reg != 0 || divisor_) return;
    EXPECT_LT(in_transit.size(), has_fifo ? 16u : 1u) << "written to a transmitter that is full";
    if (in_transit.empty()) next_at = now + character_time;
    in_transit.push_back(static_cast<char>(value));
  }
  bool divisor_ = false;
};

struct Ports {
  Chip* chip = nullptr;
  [[nodiscard]] uint8_t read(unsigned reg) const { return chip->read(reg); }
  void write(unsigned reg, uint8_t value) const { chip->write(reg, value); }
  [[nodiscard]] uint64_t microseconds() const { return chip->clock_stands ? 7 : chip->now; }
};
using TestUart = Uart<Ports>;

// All that is under way arrives.
std::string taken(Chip& chip) {
  chip.now += chip.in_transit.size() * chip.character_time;
  chip.move();
  return chip.taken;
}

TEST(Uart, SaysWhatItIsGiven) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  uart.write("one\ntwo\n");
  EXPECT_EQ(taken(chip), "one\r\ntwo\r\n");
  EXPECT_EQ(uart.lost(), 0u);
}

// A look for sixteen characters, and no more than it has room for.
TEST(Uart, AFifoIsFilled) {
  Chip chip;
  chip.has_fifo = true;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  const uint64_t looks = chip.looks;
  uart.write("0123456789abcdef");
  EXPECT_EQ(chip.looks, looks + 1);
  uart.write("ghi\n");
  EXPECT_EQ(taken(chip), "0123456789abcdefghi\r\n");
  chip.reader = false;
  uart.write("0123456789ab");  // there is room behind what was last said, and then none is seen
  EXPECT_EQ(uart.lost(), 1u);
  chip.reader = true;
  uart.write("\n");
  EXPECT_EQ(
      taken(chip),
      "0123456789abcdefghi\r\n0123456789a\r\n[serial port: 1 characters lost, nobody read]\r\n"
      "\r\n");
}

// What a FIFO may hold is forgotten when somebody else may have written.
TEST(Uart, ItsRoomIsLookedForAgainWhenItIsRefreshed) {
  Chip chip;
  chip.has_fifo = true;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  uart.write("a");
  for (unsigned i = 0; i < 15; ++i) chip.write(0, 'x');
  uart.refresh();
  uart.write("b");
  EXPECT_EQ(taken(chip), "axxxxxxxxxxxxxxxb");
}

TEST(Uart, WhatIsNotThereIsFoundAtOpen) {
  for (const bool lingers : {false, true}) {
    Chip chip;
    chip.there = false;
    chip.lingers = lingers;
    chip.last_on_bus = 0x60;  // would pass for a transmitter that is free
    TestUart uart({&chip});
    EXPECT_FALSE(uart.open(115200)) << lingers;
    const uint64_t looks = chip.looks;
    uart.write("nobody\n");
    uart.drain();
    EXPECT_FALSE(uart.read());
    EXPECT_EQ(chip.looks, looks) << "costs nothing";
  }
}

TEST(Uart, TheOldestChipsHaveNoScratchRegister) {
  Chip chip;
  chip.has_scratch = false;
  TestUart uart({&chip});
  EXPECT_TRUE(uart.open(0));
  EXPECT_EQ(chip.modem, 0x03) << "and do not loop back afterwards";
  chip.loops = false;
  EXPECT_FALSE(uart.open(0));
}

TEST(Uart, OneStalledMomentLosesCharactersAndNotThePort) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  uart.write("before\n");
  (void)taken(chip);
  chip.reader = false;
  uart.write("ab");  // the first one is in the chip
  uart.write("\n345");
  EXPECT_EQ(uart.lost(), 5u);
  chip.reader = true;
  chip.now += 1000;
  uart.write("after\n");
  EXPECT_EQ(taken(chip),
            "before\r\na\r\n[serial port: 5 characters lost, nobody read]\r\nafter\r\n");
  EXPECT_EQ(uart.lost(), 0u);
}

TEST(Uart, TheLossIsToldWhileNothingElseIsSaid) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  chip.reader = false;
  uart.write("\n12");
  chip.reader = true;
  EXPECT_FALSE(uart.read());
  EXPECT_EQ(taken(chip), "\r\r\n[serial port: 3 characters lost, nobody read]\r\n");
}

// Who draws a prompt has to know, but not where text goes on behind the notice anyway.
TEST(Uart, AsksForThePromptWhereTheLossWasAllThereWasToSay) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  EXPECT_FALSE(uart.read());
  EXPECT_FALSE(uart.take_told());
  chip.reader = false;
  uart.write("12");
  EXPECT_FALSE(uart.read());
  EXPECT_FALSE(uart.take_told()) << "still nobody reads";
  chip.reader = true;
  chip.now += 1000;
  EXPECT_FALSE(uart.read());
  EXPECT_TRUE(uart.take_told());
  EXPECT_FALSE(uart.take_told()) << "once";
  chip.reader = false;
  uart.write("345");
  chip.reader = true;
  chip.now += 1000;
  uart.write("6");
  EXPECT_EQ(uart.lost(), 0u);
  EXPECT_FALSE(uart.read());
  EXPECT_FALSE(uart.take_told());
}

TEST(Uart, ReceivesWhateverBecomesOfWhatIsSent) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  chip.reader = false;
  uart.write(std::string(1000, 'x'));
  chip.typed = {'h', 'i'};
  const uint64_t before = chip.now;
  EXPECT_EQ(uart.read(), 'h');
  EXPECT_EQ(uart.read(), 'i');
  EXPECT_FALSE(uart.read());
  EXPECT_LT(chip.now - before, 20u);
}

TEST(Uart, SomebodyWhoNeverReadsCostsOneWait) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  chip.reader = false;
  uart.write("ab");
  EXPECT_GE(chip.now, TestUart::kPatience);
  EXPECT_LT(chip.now, TestUart::kPatience + 2 * TestUart::kEarned);
  const uint64_t before = chip.now;
  uart.write(std::string(100'000, 'x'));
  EXPECT_LT(chip.now - before, 300'000u) << "a look each";
  EXPECT_EQ(uart.lost(), 100'001u);
}

TEST(Uart, SomebodyWhoReadsNowAndThenCostsByWhatIsRead) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  chip.character_time = 900'000;
  uart.write(std::string(10'000, 'x'));
  const uint64_t sent = taken(chip).size();
  EXPECT_LT(sent, 10'000u);
  const uint64_t looks = 3 * 10'000;
  EXPECT_LT(chip.now, TestUart::kPatience + sent * TestUart::kEarned + looks + 900'000);
}

TEST(Uart, ASlowLineLosesNothing) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(0));
  chip.character_time = 8'400;  // 1200 baud
  uart.write(std::string(2'000, 'x'));
  EXPECT_EQ(uart.lost(), 0u);
  EXPECT_EQ(taken(chip), std::string(2'000, 'x'));
}

// A reader that was kept from its CPU for half a second, again and again.
TEST(Uart, ABusyReaderLosesNothing) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  for (int i = 0; i < 20; ++i) {
    chip.character_time = 500'000;
    uart.write("x");
    chip.character_time = 87;
    uart.write(std::string(100, 'y'));
  }
  EXPECT_EQ(uart.lost(), 0u);
  EXPECT_EQ(taken(chip).size(), 20u * 101);
}

TEST(Uart, ANoticeThatWasCutIsToldAgain) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  chip.reader = false;
  uart.write("abc");
  chip.reader = true;
  chip.now += 1000;
  chip.move();
  // The reader takes one more character and is gone.
  chip.character_time = TestUart::kPatience * 2;
  uart.write("d");
  EXPECT_EQ(uart.lost(), 3u);
  chip.character_time = 87;
  chip.now += TestUart::kPatience * 2;
  uart.write("e");
  EXPECT_NE(taken(chip).find("[serial port: 3 characters lost, nobody read]\r\ne"),
            std::string::npos)
      << chip.taken;
}

TEST(Uart, LastWordsAreWaitedForOnceMore) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  chip.reader = false;
  uart.write("abc");
  chip.reader = true;
  chip.character_time = 1000;
  chip.next_at = chip.now + TestUart::kPatience / 2;
  uart.refresh();
  uart.write("panic\n");
  uart.drain();
  EXPECT_EQ(chip.taken, "a\r\n[serial port: 2 characters lost, nobody read]\r\npanic\r\n");
}

TEST(Uart, AClockThatStandsStillEndsTheWaitToo) {
  Chip chip;
  TestUart uart({&chip});
  ASSERT_TRUE(uart.open(115200));
  chip.clock_stands = true;
  chip.reader = false;
  uart.write("ab");
  EXPECT_EQ(uart.lost(), 1u);
  EXPECT_FALSE(uart.read());
}

}  // namespace
}  // namespace loader
