#include "kernel/booted.h"

#include "mm/relay_ledger.h"

namespace kernel {

mm::Result<> close_ledger(const Booted& machine, const mm::Printer& out) {
  const mm::LedgerFacts facts{machine.firmware, machine.added, machine.trims, machine.end_of_space};
  return mm::close_ledger(machine.relay, machine.relay.pages(), facts, out);
}

}  // namespace kernel
