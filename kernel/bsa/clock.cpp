#include "kernel/bsa/clock.h"

#include <algorithm>

#include "bsa_registers.h"
#include "kernel/arch.h"

namespace kernel {
namespace bsa {
namespace {

constinit uint64_t entered_at = 0;
constinit uint64_t hertz = 0;  // 0: time has not begun

// What firmware that forgot to say it would have: Arm's base systems count at 1 GHz.
constexpr uint64_t kAssumedHertz = 1'000'000'000;

uint64_t to_microseconds(uint64_t ticks, uint64_t rate) {
  // Apart, so that nothing overflows in the first centuries.
  return ticks / rate * 1'000'000 + ticks % rate * 1'000'000 / rate;
}

}  // namespace

void start_clock() {
  entered_at = counter();
  hertz = counter_hertz() != 0 ? counter_hertz() : kAssumedHertz;
}

uint64_t waiting_clock() { return to_microseconds(counter(), hertz != 0 ? hertz : kAssumedHertz); }

void set_timer(uint64_t microseconds) {
  constexpr uint64_t kLongest = 1'000'000'000;
  const uint64_t bounded = std::min(microseconds, kLongest);
  set_timer_at(counter() + std::max<uint64_t>(bounded * (hertz / 1000) / 1000, 1));
}

void stop_timer() { stop_timers(); }

}  // namespace bsa

namespace arch {

uint64_t cycles() { return bsa::counter(); }

uint64_t microseconds() {
  if (bsa::hertz == 0) return 0;
  return bsa::to_microseconds(bsa::counter() - bsa::entered_at, bsa::hertz);
}

// Linux's line, of one timer.
void print_clock(const mm::Printer& out) {
  const bool told = bsa::counter_hertz() != 0;
  out.line("arch_timer: cp15 timer(s) running at {}.{:02}MHz (virt){}", bsa::hertz / 1'000'000,
           bsa::hertz / 10'000 % 100, told ? "" : ": assumption, nothing here tells it");
}

}  // namespace arch
}  // namespace kernel
