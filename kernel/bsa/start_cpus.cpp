// The other CPUs: PSCI's CPU_ON for one after the other. Each begins with its MMU off, at the physical
// address that StartTables says.
#include "bsa_registers.h"
#include "kernel/arch.h"
#include "kernel/bsa/cpu_local.h"
#include "kernel/bsa/interrupts.h"
#include "kernel/bsa/psci.h"
#include "kernel/console.h"
#include "loader/acpi/madt.h"
#include "start_tables.h"

extern "C" [[noreturn]] void secondary_start(uint32_t number);  // entry.S calls it

namespace kernel::bsa {
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

}  // namespace
}  // namespace kernel::bsa

namespace kernel::arch {

mm::Result<> prepare_cpu(const Cpu& cpu, const Frames& frames) {
  return bsa::make_area(cpu.number, cpu.node, frames);
}

mm::Result<> start_cpus(std::span<Cpu> cpus, const StartFacts& /*facts*/, const Frames& frames) {
  using namespace bsa;  // NOLINT: one function, all about it
  if (count_starting(cpus) == 0) return {};
  if (!has_psci()) return mm::Error{"the firmware has none that could start them", "PSCI"};
  secondary_cpus = cpus;
  StartTables tables(frames);
  const mm::Phys entry = BATON_TRY(tables.make());
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
  bsa::load_local(number);
  bsa::protect_supervisor();
  bsa::open_vectors();
  Cpu& cpu = bsa::secondary_cpus[number];
  // Nobody waits for a CPU that does not come.
  if (!bsa::begin_interrupts() || !bsa::settle(cpu, CpuState::Online)) arch::stop_cpu();
  bsa::let_errors();
  secondary_main(cpu);
}
