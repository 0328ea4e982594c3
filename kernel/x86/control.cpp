#include "kernel/x86/control.h"

#include <string_view>

#include "kernel/x86/cpu.h"
#include "kernel/x86/mtrr.h"

namespace kernel::x86 {
namespace {

constexpr uint32_t kMsrMicrocode = 0x8b;
constexpr uint64_t kCr0NotWriteThrough = 1u << 29, kCr0CacheDisable = 1u << 30;
constexpr uint64_t kEferLongModeActive = 1u << 10;

// Intel: in the upper half, once CPUID was executed with 0 in the register; AMD: in the lower.
uint64_t microcode_revision() {
  const CpuFacts cpu = cpu_facts();
  uint64_t value = 0;
  if (std::string_view(cpu.vendor.data()) != "GenuineIntel") {
    return probe_rdmsr(kMsrMicrocode, value) ? value & 0xffff'ffff : 0;
  }
  if (cpu.hypervisor[0] == '\0') wrmsr(kMsrMicrocode, 0);
  (void)cpuid(1);
  return probe_rdmsr(kMsrMicrocode, value) ? value >> 32 : 0;
}

void flush() {
  asm volatile("wbinvd" : : : "memory");
  write_cr3(read_cr3());
}

void apply_mtrrs(const mm::Mtrrs& wanted) {
  const uint64_t cr0 = read_cr0(), cr4 = read_cr4();
  write_cr0((cr0 | kCr0CacheDisable) & ~kCr0NotWriteThrough);
  flush();
  write_cr4(cr4 & ~kCr4Pge);
  write_mtrrs(wanted);
  flush();
  write_cr0(cr0);
  write_cr4(cr4);
}

}  // namespace

ControlState read_control() {
  ControlState state;
  state.cr0 = read_cr0();
  state.cr4 = read_cr4();
  state.efer = read_efer();
  if (has_pat()) state.pat = rdmsr(kMsrPat);
  state.microcode = microcode_revision();
  state.mtrrs = read_mtrrs();
  return state;
}

void apply_control(const ControlState& wanted) {
  write_cr0(wanted.cr0);
  write_cr4(wanted.cr4);
  const uint64_t efer = read_efer();
  if ((efer | kEferLongModeActive) != (wanted.efer | kEferLongModeActive)) {
    wrmsr(kMsrEfer, wanted.efer);
  }
  if (wanted.pat != 0 && has_pat() && rdmsr(kMsrPat) != wanted.pat) {
    wrmsr(kMsrPat, wanted.pat);
    flush();
  }
  if (wanted.mtrrs.supported && read_mtrrs() != wanted.mtrrs) apply_mtrrs(wanted.mtrrs);
}

}  // namespace kernel::x86
