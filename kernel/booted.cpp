#include "kernel/booted.h"

#include "kernel/memtest_phase.h"
#include "mm/relay_ledger.h"

namespace kernel {

mm::Result<> close_ledger(const Booted& machine, const mm::Printer& out) {
  const mm::Result<> closed = mm::close_ledger(machine.relay, machine.relay.pages(), machine.usable,
                                               machine.trims, machine.end_of_space, out);
  if (bad_ram_bytes() != 0) out.line("Ledger: of allocated, BAD RAM %28lu", bad_ram_bytes());
  return closed;
}

}  // namespace kernel
