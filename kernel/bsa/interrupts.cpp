#include "kernel/bsa/interrupts.h"

#include "bsa_registers.h"
#include "kernel/arch.h"
#include "kernel/bsa/clock.h"
#include "kernel/bsa/cpu_local.h"
#include "kernel/bsa/gic.h"
#include "kernel/firmware_tables.h"
#include "kernel/page_walk.h"

namespace kernel {
namespace bsa {
namespace {

constinit bool stopping = false;
constinit unsigned stopped = 0;
// The virtual timer's; where no table says so, what all of Arm's base systems have (DEN 0094).
constinit uint32_t timer_interrupt = 27;

void stop_if_asked() {
  if (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE)) return;
  __atomic_fetch_add(&stopped, 1, __ATOMIC_RELEASE);
  arch::stop_cpu();
}

void handle(uint32_t interrupt) {
  Local& cpu = local();
  if (interrupt == kCallInterrupt) {
    if (cpu.held != 0) {
      cpu.due = 1;
    } else {
      take_call();
    }
  } else if (interrupt == kStopInterrupt) {
    stop_if_asked();
  } else if (interrupt != timer_interrupt) {
    ++cpu.unexpected;
  }
}

}  // namespace

void handle_interrupts() {
  for (;;) {
    const uint32_t taken = acknowledge_interrupt();
    const uint32_t interrupt = interrupt_of(taken);
    if (interrupt >= kFirstSpecialInterrupt) return;  // there is none any more
    // Before its end, or else it would come again.
    if (interrupt == timer_interrupt) stop_timer();
    end_interrupt(taken);
    handle(interrupt);
  }
}

void take_due_calls() {
  local().due = 0;
  take_call();
}

bool begin_interrupts() {
  stop_timer();
  return enable_gic(timer_interrupt);
}

}  // namespace bsa

namespace arch {

mm::Result<> open_interrupts(const FirmwareTables& firmware) {
  if (firmware.timer() != 0) bsa::timer_interrupt = firmware.timer();
  BATON_TRY(bsa::open_gic(firmware.gic(), table_map()));
  (void)bsa::begin_interrupts();  // open_gic() has found this CPU's part
  return {};
}

bool reaches_cpu(uint32_t /*id*/) { return bsa::has_gic(); }

void interrupt_cpu(const Cpu& cpu) { bsa::send_interrupt(cpu, bsa::kCallInterrupt); }

// No interrupt here comes through where they are masked: a CPU that has masked them goes on.
unsigned stop_other_cpus(std::span<const Cpu> cpus) {
  constexpr uint64_t kPatience = 1'000'000;
  __atomic_store_n(&bsa::stopping, true, __ATOMIC_RELEASE);
  unsigned asked = 0;
  for (const Cpu& cpu : cpus) {
    if (cpu.number == this_cpu() || state_of(cpu) != CpuState::Online) continue;
    ++asked;
    bsa::send_interrupt(cpu, bsa::kStopInterrupt);
  }
  const uint64_t start = microseconds();
  unsigned done = 0;
  // The second bound is for a clock that is what broke.
  for (unsigned i = 0; i < 100'000'000 && microseconds() - start < kPatience; ++i) {
    done = __atomic_load_n(&bsa::stopped, __ATOMIC_ACQUIRE);
    if (done == asked) break;
    relax();
  }
  return asked - done;
}

void stop_cpu() { bsa::halt(); }

void sleep(uint64_t microseconds) {
  // Without interrupts nobody would wake us.
  if (microseconds != 0 && !bsa::has_gic()) {
    relax();
  } else {
    if (microseconds != 0) bsa::set_timer(microseconds);
    asm volatile("dsb sy\n\twfi" : : : "memory");  // what is masked wakes it, too
  }
  restore_interrupts(true);
}

void doze() {
  (void)mask_interrupts();
  sleep(1000);
}

}  // namespace arch
}  // namespace kernel
