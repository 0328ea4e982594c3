// Costs, counted in ticks of the machine's counter. Under QEMU's `-icount shift=0,sleep=off` a tick
// is one instruction, and counts repeat whatever else the host does; elsewhere ticks are time.
//
// Each figure is a line of its own: `BENCH name value unit`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernel/arch.h"
#include "kernel/booted.h"
#include "mm/print.h"

namespace kernel {

template <class Work>
uint64_t ticks_of(Work work) {
  const uint64_t start = arch::cycles();
  work();
  return arch::cycles() - start;
}

// What each station of the relay cost: lap() after each.
class Laps {
 public:
  void start();
  void lap(const char* name);
  // `BENCH relay.<name> value ticks` for each lap, and relay.reservations_to_buddy, all laps from
  // the zones' layout on.
  void print(const mm::Printer& out) const;

 private:
  struct Lap {
    const char* name;
    uint64_t ticks;
  };
  std::array<Lap, 8> laps_{};
  size_t count_ = 0;
  uint64_t last_ = 0;
};

// What the start cost: `BENCH start.loader value ticks` from the call of the EFI application up to
// the jump, start.kernel from there to the monitor's first prompt, and what that has spent on the
// screen and on serial ports. Nothing before that prompt.
void bench_start(const Booted& machine, const mm::Printer& out);

// Pairs of alloc_pages and free_pages on an allocator at rest: "alloc." as the kernel's code does
// it, with the question which CPU it is, held calls and frees that may race; "alone." by the same
// code for one CPU that nothing interrupts. `what` is "half" for bench_half(), too.
void bench_allocator(Booted& machine, std::string_view what, const mm::Printer& out);

// Half of node 0's memory at orders 0, 3 and 9, ticks per call: "bulk." takes it and gives it back,
// "repeat." holds it and takes and gives one block, "random." gives it back in random order and
// takes again what came back so. "first.giga": the first look into a GiB.
void bench_half(Booted& machine, const mm::Printer& out);

}  // namespace kernel
