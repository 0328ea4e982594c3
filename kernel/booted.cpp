#include "kernel/booted.h"

#include "mm/relay_ledger.h"

namespace kernel {

mm::Result<> close_ledger(const Booted& machine, const mm::Printer& out) {
  return mm::close_ledger(machine.relay, machine.relay.pages(), machine.usable, machine.trims,
                          machine.end_of_space, out);
}

}  // namespace kernel
