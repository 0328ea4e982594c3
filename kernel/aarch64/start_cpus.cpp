// The other CPUs: PSCI's CPU_ON for one after the other. Each begins with its MMU off at the physical
// address of secondary_entry (entry.S), where a table of its own maps that one page at its address
// while the MMU is switched on.
#include <array>

#include "kernel/aarch64/cpu.h"
#include "kernel/aarch64/cpu_local.h"
#include "kernel/aarch64/interrupts.h"
#include "kernel/aarch64/psci.h"
#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/page_walk.h"
#include "loader/acpi/madt.h"
#include "loader/handoff/aarch64/translation.h"

// What secondary_entry loads, in its order, past caches. NOLINTBEGIN(readability-identifier-naming)
struct SecondaryFields {
  uint64_t mair, tcr, idmap, upper, sctlr, cpacr, root, then;
};
extern "C" {
extern char secondary_entry[], secondary_mapped[];
alignas(64) constinit SecondaryFields secondary_fields{};
[[noreturn]] void secondary_start(uint32_t number);
}
// NOLINTEND(readability-identifier-naming)

namespace kernel::aarch64 {
namespace {

// How long nobody may have come before the rest are given up. A host that is busy lets its guests'
// CPUs wait, too.
constexpr uint64_t kPatience = 5'000'000;

constinit std::span<Cpu> secondary_cpus;

// Whoever comes first: the CPU, that it is here, or we, that we wait no more.
bool settle(Cpu& cpu, CpuState state) {
  CpuState starting = CpuState::Starting;
  return __atomic_compare_exchange(&cpu.state, &starting, &state, false, __ATOMIC_ACQ_REL,
                                   __ATOMIC_ACQUIRE);
}

size_t count_starting(std::span<const Cpu> cpus) {
  size_t count = 0;
  for (const Cpu& cpu : cpus) count += state_of(cpu) == CpuState::Starting ? 1 : 0;
  return count;
}

void wait_for(std::span<const Cpu> cpus) {
  size_t left = count_starting(cpus);
  for (uint64_t since = arch::microseconds();
       left != 0 && arch::microseconds() - since < kPatience;) {
    const size_t now = count_starting(cpus);
    if (now != left) since = arch::microseconds();
    left = now;
    arch::relax();
  }
}

// Four tables that map one page at its own address, to be run.
class IdentityTables {
 public:
  explicit IdentityTables(const arch::Frames& frames) : frames_(frames) {}
  ~IdentityTables() {
    for (size_t i = 0; i < count_; ++i) frames_.give(frames_.context, mm::pfn_down(tables_[i]));
  }
  // They stay: a CPU that comes too late goes by them until it stops.
  void keep() { count_ = 0; }
  IdentityTables(const IdentityTables&) = delete;
  IdentityTables& operator=(const IdentityTables&) = delete;

  mm::Result<mm::Phys> make(mm::Phys page) {
    constexpr uint64_t kTable = 3, kReadOnly = 1u << 7, kInner = 3u << 8, kAccessed = 1u << 10;
    while (count_ < tables_.size()) {
      const mm::PagesOr frame =
          frames_.take(frames_.context, mm::kGfpKernel | mm::kGfpFlagZero, mm::NodeId{0});
      if (!frame) return mm::Error{"no memory for page tables", "smp"};
      tables_[count_++] = mm::phys(frame.value());
    }
    for (unsigned i = 0; i < tables_.size(); ++i) {
      const unsigned shift = mm::kPageShift + 9 * (3 - i);
      uint64_t& entry = table_map().at<uint64_t>(tables_[i])[page.v >> shift & 511];
      entry = i < 3 ? tables_[i + 1].v | kTable
                    : page.v | kTable | kReadOnly | kInner | kAccessed |
                          uint64_t{loader::aarch64::kWriteBack} << 2;
    }
    asm volatile("dsb ish" : : : "memory");
    return tables_[0];
  }

 private:
  const arch::Frames& frames_;
  std::array<mm::Phys, 4> tables_{};
  size_t count_ = 0;
};

mm::Phys physical(const void* at) {
  const auto virt = reinterpret_cast<uint64_t>(at);
  const auto mapping = arch::find_mapping(virt);
  return mm::Phys{mapping->phys + (virt - mapping->virt)};
}

}  // namespace
}  // namespace kernel::aarch64

namespace kernel::arch {

mm::Result<> prepare_cpu(const Cpu& cpu, const Frames& frames) {
  return aarch64::make_area(cpu.number, cpu.node, frames);
}

mm::Result<> start_cpus(std::span<Cpu> cpus, const StartFacts& /*facts*/, const Frames& frames) {
  using namespace aarch64;  // NOLINT: one function, all about it
  if (count_starting(cpus) == 0) return {};
  if (!has_psci()) return mm::Error{"the firmware has none that could start them", "PSCI"};
  secondary_cpus = cpus;
  const mm::Phys entry = physical(secondary_entry);
  IdentityTables tables(frames);
  const mm::Phys idmap = BATON_TRY(tables.make(mm::align_down(entry, mm::kPageSize)));
  secondary_fields = {KERNEL_READ(mair_el1),
                      KERNEL_READ(tcr_el1),
                      idmap.v,
                      KERNEL_READ(ttbr1_el1),
                      KERNEL_READ(sctlr_el1),
                      KERNEL_READ(cpacr_el1),
                      page_root(),
                      reinterpret_cast<uint64_t>(secondary_mapped)};
  clean_and_forget(reinterpret_cast<uint64_t>(&secondary_fields), sizeof secondary_fields);
  for (Cpu& cpu : cpus) {
    if (state_of(cpu) != CpuState::Starting) continue;
    const int64_t said = start_cpu(loader::whole_mpidr(cpu.id), entry.v, cpu.number);
    if (said == 0) continue;
    log().line("smp: PSCI does not start CPU {}: error {}", cpu.number, 0 - said);
    (void)settle(cpu, CpuState::Silent);
  }
  wait_for(cpus);
  for (Cpu& cpu : cpus) {
    if (settle(cpu, CpuState::Silent)) tables.keep();
  }
  return {};
}

}  // namespace kernel::arch

void secondary_start(uint32_t number) {
  using namespace kernel;  // NOLINT: one function, all about it
  aarch64::load_local(number);
  aarch64::protect_supervisor();
  Cpu& cpu = aarch64::secondary_cpus[number];
  // Nobody waits for a CPU that does not come.
  if (!aarch64::begin_interrupts() || !aarch64::settle(cpu, CpuState::Online)) arch::stop_cpu();
  asm volatile("msr daifclr, #4" : : : "memory");  // SError
  secondary_main(cpu);
}
