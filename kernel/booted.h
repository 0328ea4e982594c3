// The machine after the relay: what self-tests and the monitor look at.
#pragma once

#include <array>

#include "kernel/firmware_map.h"
#include "kernel/firmware_tables.h"
#include "kernel/kept.h"
#include "kernel/options.h"
#include "kernel/policy.h"
#include "kernel/spent.h"
#include "mm/firmware_ram.h"
#include "mm/ledger.h"
#include "mm/page_alloc.h"
#include "mm/relay.h"

namespace kernel {

using Relay = mm::Relay<Policy>;

struct Booted {
  const Kept& kept;
  const FirmwareTables& tables;
  const FirmwareMap& firmware_map;
  Options options;
  Relay& relay;
  mm::FirmwareRam firmware;  // what the firmware calls RAM, and what became of it in e820
  std::array<mm::NamedBytes, 2> trims{};  // by options
  mm::Phys end_of_space;                  // of the CPU's physical address space
  uint64_t added = 0;                     // bytes of RAM that only memmap= calls so
  bool exhaustive = false;                // self-tests do all, however long it takes
  uint64_t stress = 0;                    // operations asked of all CPUs; 0: as many as usual
  uint64_t prompted = 0;                  // arch::cycles() at the monitor's first prompt
  Spent spent{};                          // by then
};

// Prints the ledger and closes it (mm/relay_ledger.h).
mm::Result<> close_ledger(const Booted& machine, const mm::Printer& out);

}  // namespace kernel
