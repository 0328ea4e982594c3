// The clock that begins as the PIT's and goes on as the TSC's, on a pretended 8254.
#include "kernel/x86/pit.h"

#include <gtest/gtest.h>

namespace kernel::x86 {
namespace {

// A PIT whose time passes with each access, and when the test says so.
struct Chip {
  static constexpr uint64_t kTscHertz = 2'400'000'000;

  uint64_t ns = 5'000;
  uint64_t access = 900;  // nanoseconds
  uint64_t stolen = 0;    // what a latch takes longer, as often as
  unsigned thefts = 0;
  bool there = true, counts = true;
  uint64_t begun = 0;
  uint8_t port_b = 0x02;
  bool latched_high = false;
  uint32_t latched = 0;

  [[nodiscard]] uint64_t ticks() const {
    return counts ? (ns - begun) * 1'193'182 / 1'000'000'000 : 0;
  }
};
Chip chip;

struct ChipPorts {
  static uint8_t in8(uint16_t port) {
    chip.ns += chip.access;
    if (!chip.there) return 0xff;
    if (port == 0x61) {
      return static_cast<uint8_t>((chip.port_b & 0x0f) | (chip.ticks() >= 0x10000 ? 0x20 : 0));
    }
    const uint32_t value = chip.latched_high ? chip.latched >> 8 : chip.latched;
    chip.latched_high = !chip.latched_high;
    return static_cast<uint8_t>(value);
  }
  static void out8(uint16_t port, uint8_t value) {
    chip.ns += chip.access;
    if (port == 0x61) chip.port_b = value;
    if (port == 0x42) chip.begun = chip.ns;
    if (port == 0x43 && value == 0x80) {
      chip.latched = static_cast<uint32_t>(0x10000 - chip.ticks()) & 0xffff;
      chip.latched_high = false;
      if (chip.thefts != 0) {
        --chip.thefts;
        chip.ns += chip.stolen;
      }
    }
  }
  static uint64_t tsc() { return chip.ns * (Chip::kTscHertz / 1'000'000) / 1000; }
};
using Clock = PitClock<ChipPorts>;

class PitTest : public testing::Test {
 protected:
  PitTest() { chip = {}; }
  void start() {
    ASSERT_TRUE(clock.start());
    origin = chip.ns;
  }
  // What has really passed since, up to the last access.
  [[nodiscard]] uint64_t passed() const { return (chip.ns - origin) / 1000; }
  void expect_right_time(uint64_t tolerance = 12) {
    const uint64_t told = clock.microseconds();
    EXPECT_NEAR(static_cast<double>(told), static_cast<double>(passed()),
                static_cast<double>(tolerance));
  }
  Clock clock;
  uint64_t origin = 0;
};

TEST_F(PitTest, TheTimeIsRightAtOnceAndNobodyWaits) {
  start();
  const uint64_t before = chip.ns;
  expect_right_time();
  EXPECT_LT(chip.ns - before, 10'000u) << "a few accesses, and no loop";
  for (int i = 0; i < 300; ++i) {
    chip.ns += 100'000;
    expect_right_time(30);
  }
  EXPECT_NEAR(static_cast<double>(clock.hertz(1)), 2.4e9, 2.4e6);
  EXPECT_EQ(chip.port_b, 0x02) << "as it was";
}

TEST_F(PitTest, ItNeverGoesBack) {
  start();
  uint64_t last = 0;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t now = clock.microseconds();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST_F(PitTest, TheRateIsToldAsSoonAsItCanBe) {
  start();
  const uint64_t hertz = clock.hertz(Clock::kLeast);
  EXPECT_NEAR(static_cast<double>(hertz), 2.4e9, 2.4e9 / 100);
  EXPECT_LT(passed(), 1'100u);
  EXPECT_NEAR(static_cast<double>(clock.hertz(Clock::kEnough)), 2.4e9, 2.4e9 / 1000);
  EXPECT_LT(passed(), 10'100u);
  EXPECT_FALSE(clock.assumed());
}

// 55 ms without a look, or more than one turn of the counter.
TEST_F(PitTest, AnEndThatWasMissedIsCaughtUpWith) {
  for (const uint64_t pause : {56'000'000u, 70'000'000u, 900'000'000u}) {
    chip = {};
    clock = Clock();
    start();
    chip.ns += pause;
    expect_right_time(60);
    EXPECT_NEAR(static_cast<double>(clock.hertz(1)), 2.4e9, 2.4e6) << pause;
    chip.ns += 1'000'000'000;
    expect_right_time(1'500);
  }
}

// A host takes the CPU away between the counter's look and the PIT's.
TEST_F(PitTest, OfSomeReadingsTheQuickestCounts) {
  chip.stolen = 3'000'000;
  chip.thefts = 2;
  start();
  for (int i = 0; i < 98; ++i) {
    chip.ns += 100'000;
    (void)clock.microseconds();
  }
  chip.ns += 300'000;
  chip.thefts = 3;
  EXPECT_NEAR(static_cast<double>(clock.hertz(Clock::kEnough)), 2.4e9, 2.4e6);
}

TEST_F(PitTest, NoCounter) {
  chip.there = false;
  EXPECT_FALSE(clock.start());
}

TEST_F(PitTest, ACounterThatStandsStillIsNotWaitedForForEver) {
  chip.counts = false;
  start();
  EXPECT_EQ(clock.hertz(Clock::kLeast), 1'000'000'000u);
  EXPECT_TRUE(clock.assumed());
  const uint64_t now = clock.microseconds();
  chip.ns += 1'000'000;
  EXPECT_GT(clock.microseconds(), now + 2'000) << "2.4 million ticks, taken for 1 GHz";
}

// What interrupts a reading must not ask the chip, which hands out its bytes in turn.
TEST_F(PitTest, AReadingThatIsInterruptedStaysWhole) {
  static uint64_t (*ask)() = nullptr;
  struct Nested : ChipPorts {
    static uint8_t in8(uint16_t port) {
      if (ask != nullptr && port == 0x42 && chip.latched_high) {
        const bool before = chip.latched_high;
        EXPECT_GT(ask(), 0u);
        EXPECT_EQ(chip.latched_high, before);
      }
      return ChipPorts::in8(port);
    }
  };
  static PitClock<Nested> nested;
  nested = {};
  ASSERT_TRUE(nested.start());
  chip.ns += 1'000'000;
  const uint64_t first = nested.microseconds();
  ask = [] { return nested.microseconds(); };
  chip.ns += 1'000'000;
  EXPECT_NEAR(static_cast<double>(nested.microseconds() - first), 1'000, 20);
  ask = nullptr;
}

}  // namespace
}  // namespace kernel::x86
