#include "kernel/aarch64/clock.h"

#include <algorithm>

#include "kernel/aarch64/cpu.h"
#include "kernel/arch.h"

namespace kernel {
namespace aarch64 {
namespace {

constinit uint64_t entered_at = 0;
constinit uint64_t hertz = 0;  // 0: time has not begun

// What firmware that forgot to say it would have: Arm's base systems count at 1 GHz.
constexpr uint64_t kAssumedHertz = 1'000'000'000;

uint64_t to_microseconds(uint64_t ticks, uint64_t rate) {
  // Apart, so that nothing overflows in the first centuries.
  return ticks / rate * 1'000'000 + ticks % rate * 1'000'000 / rate;
}

uint64_t told_hertz() { return KERNEL_READ(cntfrq_el0) & ~uint32_t{0}; }

}  // namespace

void start_clock() {
  entered_at = counter();
  hertz = told_hertz() != 0 ? told_hertz() : kAssumedHertz;
}

uint64_t waiting_clock() { return to_microseconds(counter(), hertz != 0 ? hertz : kAssumedHertz); }

void set_timer(uint64_t microseconds) {
  constexpr uint64_t kLongest = 1'000'000'000;
  const uint64_t bounded = std::min(microseconds, kLongest);
  KERNEL_WRITE(cntv_cval_el0, counter() + std::max<uint64_t>(bounded * (hertz / 1000) / 1000, 1));
  KERNEL_WRITE(cntv_ctl_el0, 1);
  isb();
}

void stop_timer() {
  KERNEL_WRITE(cntv_ctl_el0, 0);
  KERNEL_WRITE(cntp_ctl_el0, 0);
  isb();
}

}  // namespace aarch64

namespace arch {

uint64_t cycles() { return aarch64::counter(); }

uint64_t microseconds() {
  if (aarch64::hertz == 0) return 0;
  return aarch64::to_microseconds(aarch64::counter() - aarch64::entered_at, aarch64::hertz);
}

// Linux's line, of one timer.
void print_clock(const mm::Printer& out) {
  const bool told = aarch64::told_hertz() != 0;
  out.line("arch_timer: cp15 timer(s) running at {}.{:02}MHz (virt){}", aarch64::hertz / 1'000'000,
           aarch64::hertz / 10'000 % 100, told ? "" : ": assumption, nothing here tells it");
}

}  // namespace arch
}  // namespace kernel
