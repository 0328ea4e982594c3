#include "kernel/x86/clock.h"

#include "kernel/arch.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/pit.h"
#include "kernel/x86/ports.h"

namespace kernel {
namespace x86 {
namespace {

constexpr uint64_t kAssumedHertz = 1'000'000'000;
constexpr const char* kNothingTells = "assumption: nothing here tells it";

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

struct PitPorts {
  [[nodiscard]] static uint8_t in8(uint16_t port) { return x86::in8(port); }
  static void out8(uint16_t port, uint8_t value) { x86::out8(port, value); }
  [[nodiscard]] static uint64_t tsc() { return rdtsc(); }
};

constinit uint64_t entered_at = 0;
constinit uint64_t tsc_hertz = 0;  // 0: the PIT tells the time
constinit const char* source = nullptr;
constinit PitClock<PitPorts> pit;

void know(uint64_t hertz, const char* by) {
  tsc_hertz = hertz;
  source = by;
}

}  // namespace

void start_clock() {
  entered_at = rdtsc();
  if (const uint64_t told = rate_from_cpu(); told != 0) {
    know(told, "CPUID");
  } else if (const uint64_t by_host = rate_from_hypervisor(); by_host != 0) {
    know(by_host, "the hypervisor");
  } else if (pit.start()) {
    source = "the PIT";
  } else {
    know(kAssumedHertz, kNothingTells);
  }
}

void settle_clock() {
  if (tsc_hertz == 0) (void)pit.hertz(PitClock<PitPorts>::kEnough);
}

}  // namespace x86

namespace arch {

uint64_t cycles() { return x86::rdtsc(); }

uint64_t microseconds() {
  using x86::entered_at, x86::tsc_hertz;
  if (x86::source == nullptr) return 0;
  if (tsc_hertz == 0) return x86::pit.microseconds();
  const uint64_t passed = x86::rdtsc() - entered_at;
  // Apart, so that nothing overflows in the first centuries.
  return passed / tsc_hertz * 1'000'000 + passed % tsc_hertz * 1'000'000 / tsc_hertz;
}

void print_clock(const mm::Printer& out) {
  const uint64_t hertz =
      x86::tsc_hertz != 0 ? x86::tsc_hertz : x86::pit.hertz(x86::PitClock<x86::PitPorts>::kLeast);
  out.line("tsc: Detected {}.{:03} MHz processor, by {}", hertz / 1'000'000, hertz / 1000 % 1000,
           x86::pit.assumed() ? x86::kNothingTells : x86::source);
}

}  // namespace arch

uint64_t x86::waiting_clock() { return source == nullptr ? rdtsc() / 1000 : arch::microseconds(); }

}  // namespace kernel
