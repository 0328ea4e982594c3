#include "kernel/x86/mtrr.h"

#include <string_view>

#include "cpu_local.h"
#include "kernel/arch.h"
#include "kernel/smp/cpus.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/selftest/arch_facts.h"

namespace kernel::x86 {
namespace {

constexpr uint32_t kCapabilities = 0xfe, kDefaultType = 0x2ff, kFirstVariable = 0x200;
constexpr uint32_t kFixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                               0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
constexpr uint64_t kHasFixed = 1u << 8;

// AMD's forced write-back above 4 GiB. Hypervisors may not know SYSCFG, nor CPUs before family 15.
constexpr uint32_t kSyscfg = 0xc0010010, kTopMem2 = 0xc001001d;
constexpr uint64_t kTom2Enabled = 1u << 21, kTom2ForceWriteBack = 1u << 22;
constexpr uint64_t kTopMask = 0xffff'ff80'0000;

uint64_t forced_write_back_end() {
  const CpuFacts cpu = cpu_facts();
  const std::string_view vendor(cpu.vendor.data());
  if ((vendor != "AuthenticAMD" && vendor != "HygonGenuine") || cpu.family < 15) return 0;
  uint64_t syscfg = 0;
  if (!probe_rdmsr(kSyscfg, syscfg)) return 0;
  if ((syscfg & kTom2Enabled) == 0 || (syscfg & kTom2ForceWriteBack) == 0) return 0;
  return rdmsr(kTopMem2) & kTopMask;
}

}  // namespace

mm::Mtrrs read_mtrrs() {
  mm::Mtrrs mtrrs;
  if ((cpuid(1).edx >> 12 & 1) == 0) return mtrrs;
  mtrrs.supported = true;
  const uint64_t capabilities = rdmsr(kCapabilities);
  mtrrs.default_type = rdmsr(kDefaultType);
  mtrrs.variable_count = capabilities & 0xff;
  if (mtrrs.variable_count > mm::Mtrrs::kMaxVariable)
    mtrrs.variable_count = mm::Mtrrs::kMaxVariable;
  for (uint32_t i = 0; i < mtrrs.variable_count; ++i) {
    mtrrs.variable[i] = {rdmsr(kFirstVariable + 2 * i), rdmsr(kFirstVariable + 2 * i + 1)};
  }
  mtrrs.top_of_memory = forced_write_back_end();
  mtrrs.has_fixed = (capabilities & kHasFixed) != 0;
  if (mtrrs.has_fixed) {
    for (size_t i = 0; i < mtrrs.fixed.size(); ++i) mtrrs.fixed[i] = rdmsr(kFixed[i]);
  }
  return mtrrs;
}

void write_mtrrs(const mm::Mtrrs& mtrrs) {
  constexpr uint64_t kEnable = 1u << 11;
  wrmsr(kDefaultType, mtrrs.default_type & ~kEnable);
  for (uint32_t i = 0; i < mtrrs.variable_count; ++i) {
    wrmsr(kFirstVariable + 2 * i, mtrrs.variable[i].base);
    wrmsr(kFirstVariable + 2 * i + 1, mtrrs.variable[i].mask);
  }
  if (mtrrs.has_fixed) {
    for (size_t i = 0; i < mtrrs.fixed.size(); ++i) wrmsr(kFixed[i], mtrrs.fixed[i]);
  }
  wrmsr(kDefaultType, mtrrs.default_type);
}

}  // namespace kernel::x86

const kernel::ArchFacts* kernel::arch::self_test_facts() {
  constinit static ArchFacts facts{};
  facts.cpus = x86::areas();
  facts.hypervisor = x86::cpu_facts().hypervisor[0] != '\0';
  facts.mtrrs = [](unsigned cpu) -> const mm::Mtrrs* {
    return cpus().is_online(cpu) ? &x86::local_of(cpu).found.mtrrs : nullptr;
  };
  return &facts;
}

size_t kernel::arch::uncached_frames(std::span<mm::PfnRange, kMostUncachedRuns> room,
                                     const mm::Printer& out) {
  static_assert(kMostUncachedRuns == mm::kMostUncovered);
  return mm::uncovered_frames(x86::read_mtrrs(), room, out);
}
