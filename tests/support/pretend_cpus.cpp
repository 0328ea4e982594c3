#include "tests/support/pretend_cpus.h"

#include <chrono>
#include <utility>

#include "kernel/policy.h"
#include "kernel/smp/bring_up.h"
#include "tests/support/pretend_hardware.h"

namespace {

thread_local unsigned own_number = 0;
thread_local bool interrupts_on = true;
thread_local unsigned calls_held = 0;
struct Stopped {};

// As a CPU does that has been interrupted.
void take_interrupts() {
  while (calls_held == 0 &&
         __atomic_load_n(&kernel::cpus().own().call, __ATOMIC_RELAXED) != nullptr) {
    interrupts_on = false;
    kernel::take_call();
  }
  interrupts_on = true;
}

}  // namespace

bool test::interrupts_are_on() { return interrupts_on; }

void test::PretendCpus::run(std::span<kernel::Cpu> cpus) {
  for (kernel::Cpu& cpu : cpus) {
    if (cpu.state != kernel::CpuState::Starting) continue;
    if (dead.count(cpu.id) != 0) {
      cpu.state = kernel::CpuState::Silent;
      continue;
    }
    auto online = kernel::CpuState::Online;
    __atomic_store(&cpu.state, &online, __ATOMIC_RELEASE);
    threads_.emplace_back([&cpu] {
      own_number = cpu.number;
      try {
        kernel::secondary_main(cpu);
      } catch (const Stopped&) {
      }
    });
  }
}

bool test::PretendCpus::sleep(unsigned cpu, uint64_t microseconds) {
  std::unique_lock guard(mutex_);
  const auto awake = [&] { return pending_.count(cpu) != 0 || stopping_; };
  if (microseconds == 0) {
    woken_.wait(guard, awake);
  } else {
    woken_.wait_for(guard, std::chrono::microseconds(microseconds), awake);
  }
  pending_.erase(cpu);
  return !stopping_ || cpu == 0;
}

namespace kernel::arch {

void relax() { std::this_thread::yield(); }
unsigned this_cpu() { return own_number; }
bool mask_interrupts() { return std::exchange(interrupts_on, false); }
void restore_interrupts(bool on) {
  if (on) take_interrupts();
}
void hold_calls() { ++calls_held; }
void let_calls() {
  if (--calls_held == 0) restore_interrupts(interrupts_on);
}
uint32_t hardware_id() { return cpus().own().id + test::hardware.wrong_id; }
std::array<Register, 4> common_registers() {
  return {{{"CR0", own_number == 0 ? 0 : test::hardware.wrong_register}, {}, {}, {}}};
}
uint64_t microcode(unsigned cpu) { return cpu == 0 ? 7 : test::hardware.microcode; }
mm::Result<> open_interrupts(const FirmwareTables&) { return {}; }
bool reaches_cpu(uint32_t id) { return id != 300; }
mm::Result<> prepare_cpu(const Cpu&, const Frames& frames) {
  const mm::PagesOr frame = frames.take(frames.context, mm::kGfpKernel, 0);
  if (!frame) return mm::Error{"no memory for its stacks", "CPU"};
  return {};
}
mm::Result<> start_cpus(std::span<Cpu> cpus, const StartFacts&, const Frames&) {
  if (test::PretendCpus::here == nullptr) return mm::Error{"no page below 1 MiB", "AP TRAMPOLINE"};
  test::PretendCpus::here->run(cpus);
  return {};
}
void interrupt_cpu(const Cpu& cpu) { test::PretendCpus::here->interrupt(cpu.number); }
unsigned stop_other_cpus(std::span<const Cpu>) { return 0; }
void stop_cpu() { throw Stopped(); }
void sleep(uint64_t microseconds) {
  if (test::PretendCpus::here != nullptr &&
      !test::PretendCpus::here->sleep(own_number, microseconds)) {
    throw Stopped();
  }
  take_interrupts();
}
void doze() {
  (void)mask_interrupts();
  sleep(1000);
}
bool is_cpu_memory(const Mapping&) { return false; }
bool is_kernels(uint64_t) { return false; }
std::optional<uint64_t> image_alias(uint64_t) { return std::nullopt; }

}  // namespace kernel::arch
