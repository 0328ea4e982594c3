// One KTAP document (docs.kernel.org/dev-tools/ktap), version 1: the plan first, so that a run
// which breaks off is seen to be short. A test may be a document of its own, indented by two
// blanks, whose result is one line of the outer one.
#pragma once

#include <cstddef>

#include "mm/print.h"

namespace kernel {

struct KtapTotals {
  size_t pass = 0, fail = 0, xfail = 0, xpass = 0, skip = 0;

  [[nodiscard]] size_t all() const { return pass + fail + xfail + xpass + skip; }
  [[nodiscard]] bool good() const { return fail == 0 && xpass == 0; }
  KtapTotals& operator+=(const KtapTotals& o);
};

class Ktap {
 public:
  // Prints the version and the plan.
  Ktap(const mm::Printer& out, size_t tests) : Ktap(out, tests, 0) {}
  // The document of one of `outer`'s tests.
  [[nodiscard]] static Ktap subtests(const Ktap& outer, const char* name, size_t tests);

  // A result each.
  // Names the test that comes next, in a diagnostic: the last word of a document that breaks off.
  void running(const char* name) const;
  void ok(const char* name);
  void not_ok(const char* name);
  void skip(const char* name, const char* reason);  // the reason's first line
  // The firmware or machine is known to get this wrong; and it did, or did not any more, which is
  // a failure: what is known is wrong.
  void expected_failure(const char* name, const char* reason);
  void unexpected_pass(const char* name, const char* reason);
  // The result of a test that was a document of its own: one that ran nothing, or in which only
  // what is known to fail did run, has not passed.
  void phase(const char* name, bool good, const KtapTotals& inner);
  // A line a person may want, and a parser ignores; of a text with several lines, each.
  void diagnostic(const char* before, const char* text);

  // Prints the totals. Whether all of the plan ran and none failed.
  bool finish();

  [[nodiscard]] const KtapTotals& totals() const { return totals_; }

 private:
  Ktap(const mm::Printer& out, size_t tests, unsigned depth);
  void result(bool ok, const char* name, const char* directive, const char* text);
  void indent() const;

  mm::Printer out_;
  size_t planned_;
  unsigned depth_;
  size_t done_ = 0;
  KtapTotals totals_;
};

}  // namespace kernel
