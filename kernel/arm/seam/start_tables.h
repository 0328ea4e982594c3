// What another CPU begins with (kernel/bsa/start_cpus.cpp): the page of secondary_entry (entry.S) in the
// page tables in use, at its own address too while MMUs are switched on, and the registers' values.
#pragma once

#include "kernel/arch.h"
#include "mm/result.h"
#include "mm/types.h"

namespace kernel::bsa {

class StartTables {
 public:
  explicit StartTables(const arch::Frames& frames) : frames_(frames) {}
  ~StartTables();
  StartTables(const StartTables&) = delete;
  StartTables& operator=(const StartTables&) = delete;

  // Where CPUs are to begin.
  mm::Result<mm::Phys> make();
  // It stays: a CPU that comes too late goes by it until it stops.
  void keep() { page_ = mm::Phys{0}; }

 private:
  const arch::Frames& frames_;
  mm::Phys page_{0};   // 0: not mapped
  mm::Phys table_{0};  // that was made for it; 0: there was one
};

}  // namespace kernel::bsa
