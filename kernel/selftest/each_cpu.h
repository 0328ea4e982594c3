// A test of what each CPU has of its own.
#pragma once

#include "kernel/selftest/selftest.h"
#include "kernel/smp/cpus.h"

namespace kernel {

// Runs visit(cpu), which gives a verdict, for every CPU that is online, on that CPU, one after the
// other; the first that fails ends it.
template <class Visit>
Verdict on_each(Visit visit) {
  struct Turn {
    Visit& visit;
    Cpu* cpu = nullptr;
    Verdict verdict = Verdict::pass();
  } turn{visit};
  for (Cpu& cpu : cpus().all()) {
    if (!cpus().is_online(cpu.number)) continue;
    turn.cpu = &cpu;
    const auto run = [](void* context) {
      auto& now = *static_cast<Turn*>(context);
      now.verdict = now.visit(*now.cpu);
    };
    if (!call_on(cpu.number, run, &turn)) {
      return Verdict::fail("CPU {} does not take calls any more", cpu.number);
    }
    if (!turn.verdict.passed()) return turn.verdict;
  }
  return Verdict::pass();
}

}  // namespace kernel
