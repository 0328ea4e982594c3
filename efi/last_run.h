// A run that did not come to its end: what it left is told by the next start.
#pragma once

#include "efi/firmware.h"
#include "loader/efi_memory_map.h"
#include "mm/print.h"

namespace efi {

// Says what the last run was doing when its tests ended early, writes that with the end of its log to
// \baton\lastrun.txt, and forgets it. Whether there was such a run. Nothing of it keeps Baton from
// starting.
bool tell_last_run(const Firmware& firmware, const mm::Printer& out);
// The same of a run that was no test's and panicked; `map` says where it may be looked for.
void tell_last_panic(const Firmware& firmware, const loader::EfiMemoryMap& map,
                     const mm::Printer& out);

// As long as this lives a run is under way, in the phase of that name (null: none is). Of its own tests
// the kernel says so itself.
class MarkedRun {
 public:
  MarkedRun(const Firmware& firmware, const char* phase, const mm::Printer& out);
  ~MarkedRun();
  MarkedRun(const MarkedRun&) = delete;
  MarkedRun& operator=(const MarkedRun&) = delete;

 private:
  const Firmware& firmware_;
  bool marked_ = false;
};

}  // namespace efi
