#include "kernel/ktap.h"

#include <cstdarg>
#include <string_view>

namespace kernel {

Ktap::Ktap(const mm::Printer& out, size_t tests) : out_(out), planned_(tests) {
  out_.line("KTAP version 1");
  out_.line("1..%zu", tests);
}

void Ktap::ok(const char* name) {
  ++passed_;
  out_.line("ok %zu %s", ++done_, name);
}

void Ktap::not_ok(const char* name, const char* text) {
  ++failed_;
  facts(text);
  out_.line("not ok %zu %s", ++done_, name);
}

void Ktap::skip(const char* name, const char* reason) {
  ++skipped_;
  out_.line("ok %zu %s # SKIP %s", ++done_, name, reason);
}

void Ktap::expected_failure(const char* name, const char* reason, const char* text) {
  ++expected_failures_;
  facts(text);
  out_.line("ok %zu %s # XFAIL %s", ++done_, name, reason);
}

void Ktap::diagnostic(const char* format, ...) {
  out_.text("# ");
  va_list args;
  va_start(args, format);
  out_.vpart(format, args);
  va_end(args);
  out_.text("\n");
}

void Ktap::facts(const char* text) {
  std::string_view rest = text == nullptr ? "" : text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    out_.line("# %.*s", static_cast<int>(line.size()), line.data());
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

bool Ktap::finish() {
  if (done_ != planned_) out_.line("# %zu tests of %zu ran", done_, planned_);
  out_.line("# Totals: pass:%zu fail:%zu xfail:%zu xpass:0 skip:%zu error:0", passed_, failed_,
            expected_failures_, skipped_);
  return failed_ == 0 && done_ == planned_;
}

}  // namespace kernel
