// The rate of the time-stamp counter, counted beside the PIT (Intel 8254) while the machine does
// other things. Pure: the kernel gives it ports and the counter, tests pretended ones.
//
// Channel 2 counts down from 65536 once (mode 0) while its gate is open, 55 ms; its output, bit 5 of
// port 0x61, is low until the end. As long as kEnough is not counted, the time is the PIT's own, in
// ticks of 0.84 us; from then on it is the TSC's. So nobody waits for the rate, and no time is a
// guess. Who does not look for 55 ms misses the end: then 10 ms are waited for.
//
// A hypervisor may take the CPU away in the middle of a reading: of some, the quickest counts.
#pragma once

#include <cstdint>

namespace kernel::x86 {

// Ports: uint8_t in8(uint16_t), void out8(uint16_t, uint8_t), uint64_t tsc().
template <class Ports>
class PitClock {
 public:
  static constexpr uint64_t kHertz = 1'193'182;
  static constexpr uint32_t kEnough = 11'932;  // ticks: 10 ms
  static constexpr uint32_t kLeast = 1'194;    // 1 ms: what a rate that is told is taken from

  constexpr PitClock() = default;
  constexpr explicit PitClock(const Ports& ports) : ports_(ports) {}

  // The time begins. False: there is no counter.
  bool start() {
    before_ = ports_.in8(kPortB);
    return open();
  }

  // Since start(); never less than it was. What interrupts a reading gets the last time.
  uint64_t microseconds() {
    if (hertz_ == 0 && !reading_) {
      reading_ = true;
      look();
      reading_ = false;
    }
    if (hertz_ == 0) return time_;
    const uint64_t passed = ports_.tsc() - at_;
    // Apart, so that nothing overflows in the first centuries.
    return time_ + passed / hertz_ * 1'000'000 + passed % hertz_ * 1'000'000 / hertz_;
  }

  // The TSC's, for good once kEnough is counted: waits until so many ticks are, if they are not.
  uint64_t hertz(uint32_t ticks) {
    while (hertz_ == 0 && counted_ < ticks) (void)microseconds();
    return hertz_ != 0 ? hertz_ : rate_;
  }
  // Nothing counts, as long as this was watched: the rate is assumed.
  [[nodiscard]] bool assumed() const { return assumed_; }

 private:
  static constexpr uint16_t kChannel2 = 0x42, kCommand = 0x43, kPortB = 0x61;
  static constexpr uint8_t kGate = 1, kSpeaker = 2, kOutput = 0x20;
  static constexpr uint8_t kOnce = 0xb0, kLatch = 0x80;  // channel 2; both bytes, mode 0
  static constexpr unsigned kReadings = 5;
  // Of the TSC. Long enough for 10 ms on any CPU, short enough not to matter where nothing counts:
  // a second at 1 GHz, a fifth of one at 5 GHz.
  static constexpr uint64_t kPatience = 1'000'000'000;
  static constexpr uint64_t kAssumed = 1'000'000'000;

  struct Reading {
    uint64_t tsc = 0;
    uint64_t took = ~uint64_t{0};
    uint32_t ticks = 0;
  };

  bool open() {
    ports_.out8(kPortB, static_cast<uint8_t>((before_ & ~kSpeaker) | kGate));
    ports_.out8(kCommand, kOnce);
    ports_.out8(kChannel2, 0);
    ports_.out8(kChannel2, 0);
    // High before it can have counted: there is no counter.
    if (is_over()) {
      ports_.out8(kPortB, before_);
      return false;
    }
    first_ = read(kReadings);
    counted_ = 0;
    return true;
  }

  [[nodiscard]] bool is_over() const { return (ports_.in8(kPortB) & kOutput) != 0; }

  Reading read(unsigned times) const {
    Reading best;
    for (; times != 0; --times) {
      const uint64_t before = ports_.tsc();
      ports_.out8(kCommand, kLatch);
      const uint64_t took = ports_.tsc() - before;
      const uint32_t low = ports_.in8(kChannel2);
      const uint32_t left = low | uint32_t{ports_.in8(kChannel2)} << 8;
      if (took < best.took) best = {before + took / 2, took, (0x10000 - left) & 0xffff};
    }
    return best;
  }

  void look() {
    Reading now = read(1);
    if (is_over()) return catch_up();
    if (now.ticks - first_.ticks >= kEnough) {
      now = read(kReadings);
      if (is_over()) return catch_up();
    }
    take(now);
    if (counted_ >= kEnough) return settle(now, rate_);
    if (counted_ == 0 && now.tsc - first_.tsc > kPatience) assume(now);
  }

  void take(const Reading& now) {
    counted_ = now.ticks - first_.ticks;
    if (counted_ != 0) rate_ = (now.tsc - first_.tsc) * kHertz / counted_;
    time_ = uint64_t{counted_} * 1'000'000 / kHertz;
  }

  // From here on the TSC goes on from the time that `now` was read at.
  void settle(const Reading& now, uint64_t hertz) {
    at_ = now.tsc;
    hertz_ = hertz;
    ports_.out8(kPortB, before_);
  }

  void assume(const Reading& now) {
    assumed_ = true;
    time_ += (now.tsc - first_.tsc) * 1'000'000 / kAssumed;
    settle(now, kAssumed);
  }

  // The end was missed. What passed since the beginning is told by the TSC once its rate is known.
  void catch_up() {
    const uint64_t begun = first_.tsc;
    for (unsigned tries = 0; tries < 3 && open(); ++tries) {
      Reading now = first_;
      while (now.ticks - first_.ticks < kEnough && now.tsc - first_.tsc < kPatience) now = read(1);
      now = read(kReadings);
      if (is_over() || now.ticks == first_.ticks) continue;
      const uint64_t hertz = (now.tsc - first_.tsc) * kHertz / (now.ticks - first_.ticks);
      const uint64_t passed = now.tsc - begun;
      time_ = passed / hertz * 1'000'000 + passed % hertz * 1'000'000 / hertz;
      return settle(now, hertz);
    }
    assume(read(1));
  }

  Ports ports_{};
  uint8_t before_ = 0;  // port B
  bool reading_ = false, assumed_ = false;
  Reading first_;
  uint32_t counted_ = 0;  // ticks since first_
  uint64_t rate_ = 0;     // by those
  uint64_t time_ = 0;     // microseconds; with hertz_, when the TSC was at_
  uint64_t at_ = 0;
  uint64_t hertz_ = 0;
};

}  // namespace kernel::x86
