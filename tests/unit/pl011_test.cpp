// A PL011 whose registers are what a 16550's are asked for.
#include "loader/serial/pl011.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>

namespace loader {
namespace {

// DDI 0183, table 3-1: a FIFO that is full at so many characters.
struct Chip {
  std::string taken;
  std::deque<char> typed;
  std::map<unsigned, uint32_t> registers{{0x30, 0x1}};
  size_t room = 16;
  uint64_t now = 0;

  uint32_t read(unsigned offset) {
    ++now;
    if (offset == 0x00) {
      const char c = typed.front();
      typed.pop_front();
      return static_cast<uint8_t>(c) | 0x100;  // an error beside it
    }
    if (offset == 0x18) {
      return (typed.empty() ? 0x10u : 0) | (room == 0 ? 0x20u : 0) | (room == 16 ? 0x80u : 0x8u);
    }
    return registers[offset];
  }
  void write(unsigned offset, uint32_t value) {
    ++now;
    if (offset == 0x00) {
      taken += static_cast<char>(value);
      --room;
    } else {
      registers[offset] = value;
    }
  }
};

struct Memory {
  Chip* chip = nullptr;
  [[nodiscard]] uint32_t read(unsigned offset) const { return chip->read(offset); }
  void write(unsigned offset, uint32_t value) const { chip->write(offset, value); }
  [[nodiscard]] uint64_t microseconds() const { return chip->now; }
};
using Serial = Uart<Pl011Ports<Memory>>;

TEST(Pl011, OpensWithoutChangingItsSpeed) {
  Chip chip;
  Serial serial(Pl011Ports<Memory>({&chip}));
  ASSERT_TRUE(serial.open(115200));
  EXPECT_EQ(chip.registers.at(0x38), 0U) << "no interrupts";
  EXPECT_EQ(chip.registers.at(0x30), 0x301U) << "on, both ways";
  EXPECT_EQ(chip.registers.count(0x24) + chip.registers.count(0x2c), 0U) << "divisor, line control";
  EXPECT_EQ(chip.taken, "") << "what sets a 16550's divisor is no character";
}

TEST(Pl011, SendsAndReceives) {
  Chip chip;
  Serial serial(Pl011Ports<Memory>({&chip}));
  ASSERT_TRUE(serial.open(0));
  serial.write("hello\n");
  EXPECT_EQ(chip.taken, "hello\r\n");
  EXPECT_EQ(serial.read(), std::nullopt);
  chip.typed = {'a', '\xff'};
  EXPECT_EQ(serial.read(), 'a');
  EXPECT_EQ(serial.read(), '\xff');
  EXPECT_EQ(serial.read(), std::nullopt);
}

TEST(Pl011, AFullOneThatNobodyReadsLosesWhatDoesNotFit) {
  Chip chip;
  Serial serial(Pl011Ports<Memory>({&chip}));
  ASSERT_TRUE(serial.open(0));
  serial.write(std::string(40, 'x'));
  EXPECT_EQ(chip.taken, std::string(16, 'x'));
  EXPECT_EQ(serial.lost(), 24U);
  chip.room = 16;
  serial.drain();
}

}  // namespace
}  // namespace loader
