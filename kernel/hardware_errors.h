// Memory errors that the hardware tells of by itself (machine-check banks): which there were, and
// what becomes of the memory that has them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "mm/print.h"
#include "mm/types.h"

namespace kernel {

struct Booted;

struct HardwareError {
  unsigned cpu = 0;   // that told of it
  unsigned bank = 0;  // in which it stood
  bool corrected = true;
  uint64_t count = 1;                          // errors that this stands for
  uint64_t status = 0, address = 0, misc = 0;  // as they stood there
  const char* kind = "";                       // in words
  mm::Range where{};                           // the memory that has it; empty: not told
};

// Counts of them, by bank and place.
class HardwareErrors {
 public:
  static constexpr size_t kRoom = 32;

  void add(const HardwareError& error);
  [[nodiscard]] uint64_t corrected() const { return corrected_; }
  [[nodiscard]] uint64_t uncorrected() const { return uncorrected_; }
  [[nodiscard]] bool empty() const { return corrected_ + uncorrected_ == 0; }
  // A line each, `who` in front.
  void print(std::string_view who, const mm::Printer& out) const;

 private:
  struct Row {
    unsigned bank = 0;
    bool corrected = true;
    mm::Range where{};
    uint64_t count = 0;
  };
  std::array<Row, kRoom> rows_{};
  size_t count_ = 0;
  uint64_t corrected_ = 0, uncorrected_ = 0;
  uint64_t not_listed_ = 0;
};

// From here on this machine's errors are taken care of: the boot CPU's banks are opened, and what
// the firmware left in them is told apart.
void watch_hardware_errors(Booted& booted, const mm::Printer& out);
// What was in a CPU's banks before the kernel came to it; and what came since.
void left_hardware_error(const HardwareError& error);
void hardware_error(const HardwareError& error);
// Looks into every CPU's banks, one after the other.
void collect_hardware_errors();
[[nodiscard]] const HardwareErrors& hardware_errors();       // since the kernel began
[[nodiscard]] const HardwareErrors& left_hardware_errors();  // before
void forget_hardware_errors();

// A memory test that has the memory in its hands. Both are called with interrupts masked, on any
// CPU.
struct ErrorTaker {
  bool (*owns)(mm::Pfn pfn) = nullptr;           // nobody else uses this page
  void (*take)(const HardwareError&) = nullptr;  // tells of it, and marks what is bad
};
void set_error_taker(const ErrorTaker& to);  // {}: none any more

}  // namespace kernel
