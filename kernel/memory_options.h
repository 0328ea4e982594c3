// What the command line says about memory: each word goes to the station it is for.
#pragma once

#include <array>

#include "kernel/options.h"
#include "mm/e820_options.h"
#include "mm/ledger.h"
#include "mm/page_contents.h"
#include "mm/print.h"
#include "mm/relay.h"

namespace kernel {

struct MemoryOptions {
  mm::Road road = mm::Road::Bootmem;
  mm::MovableOptions movable;
  mm::NodeOrder order = mm::NodeOrder::Distance;
  bool numa_off = false;
  bool trim_uncached = true;       // RAM that the CPU does not cache is not used
  bool mem_map_in_pieces = false;  // also where RAM has a stretch for it
  mm::PageContents contents;
};

// Words whose value is wrong are told and have no effect.
[[nodiscard]] MemoryOptions memory_options(const Options& options, const mm::Printer& out);

// mem= and memmap=, in the order in which they stand. Wrong ones are told.
[[nodiscard]] mm::E820Changes change_e820(const Options& options, mm::E820Table& e820,
                                          const mm::Printer& out);

// What mem= and memmap= took, as the ledger wants it.
[[nodiscard]] std::array<mm::NamedBytes, 2> option_trims(const mm::E820Changes& changes);

}  // namespace kernel
