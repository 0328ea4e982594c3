// One KTAP document (docs.kernel.org/dev-tools/ktap), version 1: the plan first, so that a run
// which breaks off is seen to be short.
#pragma once

#include <cstddef>

#include "mm/print.h"

namespace kernel {

class Ktap {
 public:
  // Prints the version and the plan.
  Ktap(const mm::Printer& out, size_t tests);

  // A result each; `facts` (may be empty) becomes diagnostic lines, one for each of its lines.
  void ok(const char* name);
  void not_ok(const char* name, const char* facts);
  void skip(const char* name, const char* reason);
  // The firmware or machine is known to get this wrong, and it did.
  void expected_failure(const char* name, const char* reason, const char* facts);
  // A line a person may want, and a parser ignores.
  void diagnostic(const char* format, ...) __attribute__((format(printf, 2, 3)));

  // Prints the totals. Whether all of the plan ran and none failed.
  bool finish();

  [[nodiscard]] size_t failed() const { return failed_; }

 private:
  void facts(const char* text);

  mm::Printer out_;
  size_t planned_;
  size_t done_ = 0, passed_ = 0, failed_ = 0, skipped_ = 0, expected_failures_ = 0;
};

}  // namespace kernel
