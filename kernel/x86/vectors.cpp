// Vector registers: for the memory test alone.
#include "kernel/arch.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/vector_runs.h"

namespace kernel::x86 {
namespace {

constexpr uint64_t kCr0MonitorFpu = 1u << 1, kCr0NoFpu = 1u << 2, kCr0TaskSwitched = 1u << 3;
constexpr uint64_t kCr4Fxsr = 1u << 9, kCr4SimdExceptions = 1u << 10, kCr4Xsave = 1u << 18;
constexpr uint32_t kX87AndSse = 3, kAvx = 4;  // in XCR0

bool has_sse2() { return (cpuid(1).edx >> 26 & 1) != 0; }
bool has_xsave() { return (cpuid(1).ecx >> 26 & 1) != 0; }
bool has_avx2() {
  return has_xsave() && (cpuid(1).ecx >> 28 & 1) != 0 && (cpuid(0xd).eax & kAvx) != 0 &&
         cpuid(0).eax >= 7 && (cpuid(7).ebx >> 5 & 1) != 0;
}

void write_xcr0(uint32_t value) { asm volatile("xsetbv" : : "a"(value), "d"(0), "c"(0)); }

}  // namespace

void enable_vectors() {
  if (!has_sse2()) return;
  write_cr0((read_cr0() & ~(kCr0NoFpu | kCr0TaskSwitched)) | kCr0MonitorFpu);
  write_cr4(read_cr4() | kCr4Fxsr | kCr4SimdExceptions | (has_xsave() ? kCr4Xsave : 0));
  if (has_xsave()) write_xcr0(has_avx2() ? kX87AndSse | kAvx : kX87AndSse);
}

}  // namespace kernel::x86

namespace kernel::arch {

std::span<const RunForm> run_forms() {
  static constinit std::array<RunForm, 2> all{x86::sse2_runs(false), x86::avx2_runs(false)};
  all[0].there = x86::has_sse2();
  all[1].there = x86::has_avx2();
  return all;
}

}  // namespace kernel::arch
