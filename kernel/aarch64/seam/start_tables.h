// What another CPU begins with (kernel/bsa/start_cpus.cpp): four tables that map the page of
// secondary_entry (entry.S) at its own address while the MMU is switched on, and the registers' values.
#pragma once

#include <array>

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
  // They stay: a CPU that comes too late goes by them until it stops.
  void keep() { count_ = 0; }

 private:
  mm::Result<mm::Phys> map(mm::Phys page);

  const arch::Frames& frames_;
  std::array<mm::Phys, 4> tables_{};
  size_t count_ = 0;
};

}  // namespace kernel::bsa
