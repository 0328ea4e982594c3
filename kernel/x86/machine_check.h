// Machine checks: errors that the hardware found, in banks of registers that each CPU has, and the
// exception that tells of those that cannot wait.
//
// In the exception as little is done as can be: what the banks say is noted, and whether the CPU
// can go on is decided. Everything else follows in an interrupt that the CPU sends to itself, which
// comes when nothing that it holds is in the way.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/x86/machine_check_codes.h"
#include "mm/print.h"
#include "registers.h"

namespace kernel::x86 {

// Vector of that interrupt.
inline constexpr uint8_t kMachineCheckVector = 0xf9;

// What a CPU noted in exceptions, until it is taken care of. The exception adds, and may interrupt
// who takes.
struct NotedChecks {
  static constexpr uint32_t kRoom = 8;
  std::array<BankRecord, kRoom> records{};
  uint32_t added = 0, taken = 0;
  uintptr_t attempt = 0;  // stack of what may be left in the middle (arch::attempt()); 0: nothing
};

// Why a CPU cannot go on.
struct FatalCheck {
  const char* why = nullptr;  // null: it can
  uint64_t global_status = 0;
  BankRecord record;  // the worst
};
// In the exception. May have the CPU go on elsewhere than where it was.
[[nodiscard]] FatalCheck take_machine_check(Registers& registers);
void print_check(const FatalCheck& check, const mm::Printer& out);
// In the interrupt after it.
void finish_machine_checks();

// The banks of the CPU that runs this; how many.
unsigned open_banks();

}  // namespace kernel::x86
