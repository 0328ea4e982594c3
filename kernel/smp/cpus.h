// All the CPUs of the machine, and how one has another do something.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/smp/cpu.h"

namespace kernel {

class Cpus {
 public:
  // By number. Until there is a table it is the boot CPU alone.
  [[nodiscard]] std::span<Cpu> all() const;
  [[nodiscard]] unsigned online() const;
  [[nodiscard]] bool is_online(unsigned cpu) const;
  // The one that runs this.
  [[nodiscard]] Cpu& own() const;
  // `table` begins with the boot CPU and stays where it is.
  void set_table(std::span<Cpu> table) { all_ = table; }
  // What a CPU does when it has come to the end of a task, as part of it.
  void set_rest(void (*run)(void* context, unsigned cpu), void* context) {
    rest_ = run;
    rest_context_ = context;
  }
  void rest(unsigned cpu) const {
    if (rest_ != nullptr) rest_(rest_context_, cpu);
  }

 private:
  std::span<Cpu> all_;  // empty until there is a table
  void (*rest_)(void* context, unsigned cpu) = nullptr;
  void* rest_context_ = nullptr;
};

// The machine's.
Cpus& cpus();

// "online", "did not answer", ...
[[nodiscard]] const char* cpu_state_name(CpuState state);

// Has another CPU run something short with its interrupts masked, and waits until it has. On the
// CPU itself it is just run. Interrupts may be masked: what others ask of this CPU meanwhile is
// done. False: it is not online, or did not begin within ten seconds; then it does not run at all.
[[nodiscard]] bool call_on(unsigned cpu, void (*run)(void* context), void* context);

// The same of every other CPU that is online and wanted(context, cpu), all at a time. How many did
// not do it.
unsigned call_others(bool (*wanted)(void* context, unsigned cpu), void (*run)(void* context),
                     void* context);

// Runs run(context) here while every other CPU stands: asleep, outside of whatever it does while it
// holds calls (arch::hold_calls()), and so in nobody's lists and with no lock. What one had asked of
// another before it stood itself is done afterwards, and run() calls nobody. False: some CPU did not
// come to a stand within ten seconds; then it was not run. Any CPU may ask for it; of several that
// do, one follows the other.
[[nodiscard]] bool while_others_stand(void (*run)(void* context), void* context);

// Has another CPU, which is online and has nothing to do, run something of any length with its
// interrupts on. Only the boot CPU gives tasks.
void start_task(unsigned cpu, void (*run)(void* context), void* context);
[[nodiscard]] bool task_done(unsigned cpu);
// Sleeps until it is.
void wait_for_task(unsigned cpu);

// Runs run(context) on every CPU that is online, this one too, all at a time; returns when all have
// come back.
void run_everywhere(void (*run)(void* context), void* context);

}  // namespace kernel
