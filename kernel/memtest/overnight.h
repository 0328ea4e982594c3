// A memory test without an end: pass after pass until somebody presses a key, and what each found,
// in words. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "mm/print.h"

namespace kernel {

// "1:05", "7:01:05": microseconds, rounded up to seconds.
void print_time(uint64_t microseconds, const mm::Printer& out);

// What a test has found up to now.
struct MemtestFindings {
  uint64_t errors = 0, corrected = 0;  // wrong or lost; and those that the hardware corrected
  uint64_t bad_pages = 0;

  [[nodiscard]] uint64_t all() const { return errors + corrected; }
};

class Overnight {
 public:
  // All times are a clock's, in microseconds; findings are all since the beginning.
  void begin(uint64_t now) { began_ = pass_began_ = now; }

  [[nodiscard]] unsigned passes() const { return passes_; }  // that are over
  // A pass is over: a line.
  void end_pass(uint64_t now, const MemtestFindings& findings, const mm::Printer& out);
  // It was stopped in the middle of a pass, whose findings count as well: how long it was, how many
  // passes, and in which there were errors.
  void finish(uint64_t now, const MemtestFindings& findings, const mm::Printer& out);
  // "pass 3 (1:02:05, 12 errors), memtest.own-address"; NUL-terminated. Its length.
  size_t title(uint64_t now, const MemtestFindings& findings, const char* pattern,
               std::span<char> out) const;

  // Whether what was found is to be written to flash now: it is new, and the last time is long ago.
  [[nodiscard]] bool is_to_keep(uint64_t now, const MemtestFindings& findings);

 private:
  // What the pass that is not over found.
  MemtestFindings count(const MemtestFindings& findings);

  uint64_t began_ = 0, pass_began_ = 0;
  unsigned passes_ = 0;
  MemtestFindings before_;  // when the pass began
  unsigned bad_passes_ = 0, first_bad_ = 0, worst_ = 0;
  uint64_t most_ = 0;  // errors in the worst
  uint64_t kept_at_ = 0, kept_pages_ = 0;
};

}  // namespace kernel
