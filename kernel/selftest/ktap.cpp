#include "kernel/selftest/ktap.h"

#include <string_view>

namespace kernel {

KtapTotals& KtapTotals::operator+=(const KtapTotals& o) {
  pass += o.pass;
  fail += o.fail;
  xfail += o.xfail;
  xpass += o.xpass;
  skip += o.skip;
  return *this;
}

Ktap::Ktap(const mm::Printer& out, size_t tests, unsigned depth)
    : out_(out), planned_(tests), depth_(depth) {
  indent();
  out_.line("KTAP version 1");
  indent();
  out_.line("1..{}", tests);
}

Ktap Ktap::subtests(const Ktap& outer, const char* name, size_t tests) {
  Ktap inner(outer.out_, tests, outer.depth_ + 1);
  inner.indent();
  inner.out_.line("# Subtest: {}", name);
  return inner;
}

void Ktap::indent() const {
  for (unsigned i = 0; i < depth_; ++i) out_.text("  ");
}

void Ktap::running(const char* name) const {
  indent();
  out_.line("# running: {}", name);
}

void Ktap::result(bool ok, const char* name, const char* directive, const char* text) {
  indent();
  out_.part("{}ok {} {}", ok ? "" : "not ", ++done_, name);
  if (directive != nullptr) {
    const std::string_view all(text);
    const std::string_view line = all.substr(0, all.find('\n'));
    out_.part(" # {} {}", directive, line);
  }
  out_.text("\n");
}

void Ktap::ok(const char* name) {
  ++totals_.pass;
  result(true, name, nullptr, nullptr);
}

void Ktap::not_ok(const char* name) {
  ++totals_.fail;
  result(false, name, nullptr, nullptr);
}

void Ktap::skip(const char* name, const char* reason) {
  ++totals_.skip;
  result(true, name, "SKIP", reason);
}

void Ktap::expected_failure(const char* name, const char* reason) {
  ++totals_.xfail;
  result(true, name, "XFAIL", reason);
}

void Ktap::unexpected_pass(const char* name, const char* reason) {
  ++totals_.xpass;
  result(false, name, "XPASS", reason);
}

void Ktap::phase(const char* name, bool good, const KtapTotals& inner) {
  if (!good) return not_ok(name);
  if (inner.pass != 0 || inner.all() == 0) return ok(name);
  if (inner.xfail == 0) return skip(name, "all of its tests were skipped");
  expected_failure(name, "none of its tests passed, and what failed is known to");
}

void Ktap::diagnostic(const char* before, const char* text) {
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    indent();
    out_.line("# {}{}", before, line);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

bool Ktap::finish() {
  if (done_ != planned_) {
    indent();
    out_.line("# {} tests of {} ran", done_, planned_);
  }
  indent();
  out_.line("# Totals: pass:{} fail:{} xfail:{} xpass:{} skip:{} error:0", totals_.pass,
            totals_.fail, totals_.xfail, totals_.xpass, totals_.skip);
  return totals_.good() && done_ == planned_;
}

}  // namespace kernel
