#include "kernel/x86_64/clock.h"

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/x86_64/cpu.h"
#include "kernel/x86_64/ports.h"

namespace kernel {
namespace x86 {
namespace {

constexpr uint64_t kPitHertz = 1'193'182;
constexpr uint16_t kPitTicks = 11'932;  // 10 ms
constexpr uint16_t kPitChannel2 = 0x42, kPitCommand = 0x43, kPortB = 0x61;

// Long enough for 10 ms on any CPU, short enough not to matter where there is no PIT: a second at
// 1 GHz, a fifth of one at 5 GHz.
constexpr uint64_t kPitPatience = 1'000'000'000;

uint64_t rate_from_cpu() {
  if (cpuid(0).eax < 0x15) return 0;
  const CpuidLeaf leaf = cpuid(0x15);  // TSC = crystal * ebx / eax
  if (leaf.eax == 0 || leaf.ebx == 0) return 0;
  if (leaf.ecx != 0) return uint64_t{leaf.ecx} * leaf.ebx / leaf.eax;
  if (cpuid(0).eax < 0x16) return 0;
  return uint64_t{cpuid(0x16).eax & 0xffff} * 1'000'000;  // base frequency in MHz
}

uint64_t rate_from_hypervisor() {
  if ((cpuid(1).ecx >> 31 & 1) == 0) return 0;
  const uint32_t max_leaf = cpuid(0x40000000).eax;
  if (max_leaf < 0x40000010 || max_leaf > 0x400000ff) return 0;
  return uint64_t{cpuid(0x40000010).eax} * 1000;
}

// Channel 2 counts down once (mode 0) while its gate is open; its output, bit 5 of port 0x61, rises
// at the end.
// Returns how many times the TSC ticked meanwhile, 0 where there is no counter.
uint64_t time_pit() {
  const uint8_t before = in8(kPortB);
  out8(kPortB, static_cast<uint8_t>((before & ~0x02) | 0x01));  // gate open, speaker off
  out8(kPitCommand, 0xb0);                                      // channel 2, both bytes, mode 0
  out8(kPitChannel2, static_cast<uint8_t>(kPitTicks));
  out8(kPitChannel2, static_cast<uint8_t>(kPitTicks >> 8));
  const uint64_t start = rdtsc();
  uint64_t end = start;
  bool done = (in8(kPortB) & 0x20) != 0;
  if (done) return 0;  // high before it can have counted: there is no counter
  while (!done && end - start < kPitPatience) {
    done = (in8(kPortB) & 0x20) != 0;
    end = rdtsc();
  }
  out8(kPortB, before);
  return done ? end - start : 0;
}

// A hypervisor may take the CPU away in the middle, which makes a time too long, never too short:
// two that agree are right, and of three the shortest is.
uint64_t rate_from_pit() {
  uint64_t shortest = 0;
  for (int tries = 0; tries < 3; ++tries) {
    const uint64_t ticks = time_pit();
    if (ticks == 0) return 0;
    const uint64_t before = shortest;
    if (before == 0 || ticks < before) shortest = ticks;
    if (before == 0) continue;
    const uint64_t apart = ticks < before ? before - ticks : ticks - before;
    if (apart <= shortest / 128) break;
  }
  return shortest * kPitHertz / kPitTicks;
}

}  // namespace

TscRate find_tsc_rate() {
  if (const uint64_t hertz = rate_from_cpu(); hertz != 0) return {hertz, "CPUID"};
  if (const uint64_t hertz = rate_from_hypervisor(); hertz != 0) return {hertz, "the hypervisor"};
  if (const uint64_t hertz = rate_from_pit(); hertz != 0) return {hertz, "the PIT"};
  return {1'000'000'000, "assumption: nothing here tells it"};
}

}  // namespace x86

namespace arch {
namespace {

constinit uint64_t entered_at = 0;
constinit uint64_t tsc_hertz = 0;

}  // namespace

uint64_t cycles() { return x86::rdtsc(); }

uint64_t microseconds() {
  if (tsc_hertz == 0) return 0;
  const uint64_t passed = x86::rdtsc() - entered_at;
  // Apart, so that nothing overflows in the first centuries.
  return passed / tsc_hertz * 1'000'000 + passed % tsc_hertz * 1'000'000 / tsc_hertz;
}

void start_clock(const mm::Printer& out) {
  entered_at = x86::rdtsc();
  const x86::TscRate rate = x86::find_tsc_rate();
  tsc_hertz = rate.hertz;
  console().set_clock(microseconds);
  out.line("tsc: Detected {}.{:03} MHz processor, by {}", rate.hertz / 1'000'000,
           rate.hertz / 1000 % 1000, rate.source);
}

}  // namespace arch

uint64_t x86::waiting_clock() {
  return arch::tsc_hertz == 0 ? rdtsc() / 1000 : arch::microseconds();
}

}  // namespace kernel
