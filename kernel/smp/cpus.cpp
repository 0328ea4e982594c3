#include "kernel/smp/cpus.h"

#include <algorithm>

#include "kernel/arch.h"
#include "kernel/policy.h"

namespace kernel {
namespace {

constexpr uint64_t kPatience = 10'000'000;  // microseconds

constinit Cpus the_cpus;
constinit Cpu boot_cpu{.state = CpuState::Online};

bool is_done(const Errand& errand) { return __atomic_load_n(&errand.left, __ATOMIC_ACQUIRE) == 0; }

void finish(Errand& errand) { __atomic_fetch_sub(&errand.left, 1, __ATOMIC_RELEASE); }

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

// A call to some CPUs: given to one after the other, and then waited for.
class Call {
 public:
  Call(void (*run)(void* context), void* context) : errand_{run, context} {}

  void give(Cpu& target) {
    __atomic_fetch_add(&errand_.left, 1, __ATOMIC_RELAXED);
    ++given_;
    while (!post(target, errand_)) {
      if (is_late()) return forgo();
      wait_a_little();
    }
    arch::interrupt_cpu(target);
  }
  void wait() {
    while (!is_done(errand_)) {
      if (is_late()) withdraw_all();
      wait_a_little();
    }
  }
  // Once it is late, whoever has not begun will not. Who has must be waited for: the errand and
  // what it is about lie on our stack.
  [[nodiscard]] bool is_late() const { return arch::microseconds() - start_ > kPatience; }
  void withdraw_all() {
    for (Cpu& cpu : cpus().all()) {
      if (withdraw(cpu, errand_)) forgo();
    }
  }
  [[nodiscard]] unsigned given() const { return given_; }
  [[nodiscard]] unsigned missing() const { return missing_; }

 private:
  void forgo() {
    __atomic_fetch_sub(&errand_.left, 1, __ATOMIC_RELAXED);
    ++missing_;
  }

  Errand errand_;
  unsigned given_ = 0, missing_ = 0;
  uint64_t start_ = arch::microseconds();
};

template <class Visit>
void for_others(Visit visit) {
  const unsigned own = arch::this_cpu();
  for (Cpu& cpu : cpus().all()) {
    if (cpu.number != own && cpus().is_online(cpu.number)) visit(cpu);
  }
}

struct Standstill {
  unsigned standing = 0;
  bool over = false;

  // Whoever called this CPU before it came to stand itself is not answered meanwhile: that would
  // be no standstill. Interrupts are masked but while it sleeps, also in a call that was looked for.
  static void stand(void* context) {
    auto& still = *static_cast<Standstill*>(context);
    const Policy::Masked masked;
    const bool on = arch::mask_interrupts();
    __atomic_fetch_add(&still.standing, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&still.over, __ATOMIC_ACQUIRE)) {
      arch::sleep(0);
      (void)arch::mask_interrupts();
    }
    arch::restore_interrupts(on);
  }
  [[nodiscard]] bool is_reached(const Call& call) const {
    return __atomic_load_n(&standing, __ATOMIC_ACQUIRE) + call.missing() == call.given();
  }
};

// Whose standstill it is: two CPUs that each wait for the other to stand would wait for ever.
constinit bool standstill_taken = false;

}  // namespace

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

std::span<Cpu> Cpus::all() const { return all_.empty() ? std::span(&boot_cpu, 1) : all_; }

unsigned Cpus::online() const {
  return static_cast<unsigned>(std::count_if(all().begin(), all().end(), [](const Cpu& cpu) {
    return state_of(cpu) == CpuState::Online;
  }));
}

bool Cpus::is_online(unsigned cpu) const {
  return cpu < all().size() && state_of(all()[cpu]) == CpuState::Online;
}

Cpu& Cpus::own() const { return all()[arch::this_cpu()]; }

bool call_on(unsigned cpu, void (*run)(void* context), void* context) {
  if (cpu == arch::this_cpu()) {
    const Policy::Masked masked;
    run(context);
    return true;
  }
  if (!cpus().is_online(cpu)) return false;
  Call call(run, context);
  call.give(cpus().all()[cpu]);
  call.wait();
  return call.missing() == 0;
}

unsigned call_others(bool (*wanted)(void* context, unsigned cpu), void (*run)(void* context),
                     void* context) {
  Call call(run, context);
  for_others([&](Cpu& cpu) {
    if (wanted(context, cpu.number)) call.give(cpu);
  });
  call.wait();
  return call.missing();
}

bool while_others_stand(void (*run)(void* context), void* context) {
  while (__atomic_exchange_n(&standstill_taken, true, __ATOMIC_ACQUIRE)) wait_a_little();
  Standstill still;
  Call call(Standstill::stand, &still);
  for_others([&](Cpu& cpu) { call.give(cpu); });
  while (!still.is_reached(call)) {
    if (call.is_late()) call.withdraw_all();
    wait_a_little();
  }
  const bool all = call.missing() == 0;
  if (all) {
    const Policy::Masked masked;  // this CPU stands, too, but for what it runs
    run(context);
  }
  __atomic_store_n(&still.over, true, __ATOMIC_RELEASE);
  for_others([](const Cpu& cpu) { arch::interrupt_cpu(cpu); });
  call.wait();
  __atomic_store_n(&standstill_taken, false, __ATOMIC_RELEASE);
  return all;
}

void take_call() {
  Errand* const errand = __atomic_exchange_n(&cpus().own().call, nullptr, __ATOMIC_ACQ_REL);
  if (errand == nullptr) return;
  errand->run(errand->context);
  finish(*errand);
}

void start_task(unsigned cpu, void (*run)(void* context), void* context) {
  Cpu& target = cpus().all()[cpu];
  target.task.run = run;
  target.task.context = context;
  __atomic_store_n(&target.task.left, 1, __ATOMIC_RELEASE);
  arch::interrupt_cpu(target);
}

bool task_done(unsigned cpu) { return is_done(cpus().all()[cpu].task); }

void wait_for_task(unsigned cpu) {
  while (!task_done(cpu)) arch::doze();
}

void run_everywhere(void (*run)(void* context), void* context) {
  for_others([&](const Cpu& cpu) { start_task(cpu.number, run, context); });
  run(context);
  cpus().rest(arch::this_cpu());
  for_others([](const Cpu& cpu) { wait_for_task(cpu.number); });
}

[[noreturn]] void secondary_main(Cpu& cpu) {
  for (;;) {
    (void)arch::mask_interrupts();
    if (is_done(cpu.task)) {
      arch::sleep(0);
    } else {
      arch::restore_interrupts(true);
      cpu.task.run(cpu.task.context);
      cpus().rest(cpu.number);
      finish(cpu.task);
    }
  }
}

}  // namespace kernel
