// CPUs that are threads of the host: each runs secondary_main(), sleeps where a CPU would, and is
// interrupted only there, where it waits for another, and where it opens interrupts.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "kernel/arch.h"
#include "kernel/smp/cpus.h"

namespace test {

// Of the CPU that asks.
[[nodiscard]] bool interrupts_are_on();

// There is one at a time, and none by default: then the boot CPU is alone. When it goes, its CPUs
// stop and the table is the boot CPU's again.
class PretendCpus {
 public:
  PretendCpus() { here = this; }
  ~PretendCpus() {
    {
      const std::lock_guard guard(mutex_);
      stopping_ = true;
    }
    woken_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    kernel::cpus() = {};
    here = nullptr;
  }
  PretendCpus(const PretendCpus&) = delete;
  PretendCpus& operator=(const PretendCpus&) = delete;

  // A table of so many, all of them up and on the nodes that are given, in turn.
  void start(unsigned count, unsigned nodes = 1) {
    table.resize(count);
    for (unsigned i = 0; i < count; ++i) {
      table[i].id = table[i].number = i;
      table[i].node = static_cast<mm::NodeId>(i % nodes);
      table[i].state = i == 0 ? kernel::CpuState::Online : kernel::CpuState::Starting;
    }
    kernel::cpus().set_table(table);
    run(table);
  }
  // Starts those in state Starting, but for the dead.
  void run(std::span<kernel::Cpu> cpus);
  void interrupt(unsigned cpu) {
    {
      const std::lock_guard guard(mutex_);
      pending_.insert(cpu);
    }
    woken_.notify_all();
  }
  // False when the CPU is to stop instead.
  bool sleep(unsigned cpu, uint64_t microseconds);

  std::vector<kernel::Cpu> table;
  std::set<uint32_t> dead;  // ids of CPUs that never answer
  static inline PretendCpus* here = nullptr;

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  std::set<unsigned> pending_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace test
