#include "kernel/smp/cpus.h"

#include <algorithm>

#include "kernel/arch.h"
#include "kernel/policy.h"

namespace kernel {
namespace {

constexpr uint64_t kPatience = 10'000'000;  // microseconds

constinit Cpus the_cpus;

Errand::State state_of(const Errand& errand) {
  return __atomic_load_n(&errand.state, __ATOMIC_ACQUIRE);
}

void finish(Errand& errand) {
  errand.run(errand.context);
  __atomic_store_n(&errand.state, Errand::State::Done, __ATOMIC_RELEASE);
}

// Puts the errand where the CPU looks for it, unless another is there.
bool post(Cpu& cpu, Errand& errand) {
  Errand* none = nullptr;
  return __atomic_compare_exchange_n(&cpu.call, &none, &errand, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED);
}

bool withdraw(Cpu& cpu, Errand& errand) {
  Errand* mine = &errand;
  return __atomic_compare_exchange_n(&cpu.call, &mine, nullptr, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED);
}

// Two CPUs that wait for each other with interrupts masked would wait for ever.
void wait_a_little() {
  const Policy::Masked masked;
  take_call();
  arch::relax();
}

}  // namespace

constinit Cpu Cpus::boot_cpu_{.state = CpuState::Online};

Cpus& cpus() { return the_cpus; }

const char* cpu_state_name(CpuState state) {
  switch (state) {
    case CpuState::Possible:
      return "can be plugged in";
    case CpuState::Kept:
      return "not to be started";
    case CpuState::Beyond:
      return "out of reach";
    case CpuState::Starting:
      return "starting";
    case CpuState::Online:
      return "online";
    case CpuState::Silent:
      return "did not answer";
  }
  return "";
}

unsigned Cpus::online() const {
  return static_cast<unsigned>(std::count_if(all_.begin(), all_.end(), [](const Cpu& cpu) {
    return __atomic_load_n(&cpu.state, __ATOMIC_ACQUIRE) == CpuState::Online;
  }));
}

bool Cpus::is_online(unsigned cpu) const {
  return cpu < all_.size() &&
         __atomic_load_n(&all_[cpu].state, __ATOMIC_ACQUIRE) == CpuState::Online;
}

Cpu& Cpus::own() const { return all_[arch::this_cpu()]; }

bool call_on(unsigned cpu, void (*run)(void* context), void* context) {
  if (cpu == arch::this_cpu()) {
    const Policy::Masked masked;
    run(context);
    return true;
  }
  if (!cpus().is_online(cpu)) return false;
  Cpu& target = cpus().all()[cpu];
  Errand errand{run, context, Errand::State::Given};
  const uint64_t start = arch::microseconds();
  while (!post(target, errand)) {
    if (arch::microseconds() - start > kPatience) return false;
    wait_a_little();
  }
  arch::interrupt_cpu(target);
  while (state_of(errand) != Errand::State::Done) {
    // Once begun it must be waited for: it uses what lies on our stack.
    if (arch::microseconds() - start > kPatience && withdraw(target, errand)) return false;
    wait_a_little();
  }
  return true;
}

void take_call() {
  Errand* const errand = __atomic_exchange_n(&cpus().own().call, nullptr, __ATOMIC_ACQ_REL);
  if (errand != nullptr) finish(*errand);
}

void start_task(unsigned cpu, void (*run)(void* context), void* context) {
  Cpu& target = cpus().all()[cpu];
  target.task.run = run;
  target.task.context = context;
  __atomic_store_n(&target.task.state, Errand::State::Given, __ATOMIC_RELEASE);
  arch::interrupt_cpu(target);
}

bool task_done(unsigned cpu) { return state_of(cpus().all()[cpu].task) != Errand::State::Given; }

void wait_for_task(unsigned cpu) {
  while (!task_done(cpu)) arch::doze();
}

void run_everywhere(void (*run)(void* context), void* context) {
  const unsigned own = arch::this_cpu();
  const auto others = [&](auto what) {
    for (const Cpu& cpu : cpus().all()) {
      if (cpu.number != own && cpus().is_online(cpu.number)) what(cpu.number);
    }
  };
  others([&](unsigned cpu) { start_task(cpu, run, context); });
  run(context);
  others(wait_for_task);
}

[[noreturn]] void secondary_main(Cpu& cpu) {
  for (;;) {
    (void)arch::mask_interrupts();
    if (state_of(cpu.task) == Errand::State::Given) {
      arch::restore_interrupts(true);
      finish(cpu.task);
    } else {
      arch::sleep(0);
    }
  }
}

}  // namespace kernel
