#include "kernel/panic.h"

#include <cstdarg>

#include "kernel/console.h"
#include "kernel/machine.h"

namespace kernel {
namespace {

constinit bool panicking = false;

void begin_panic() {
  if (panicking) {  // the report itself failed: one line, and no second try
    bare().line("panic while panicking");
    machine::stop_after_panic();
  }
  panicking = true;
  console().finish_line();
}

[[noreturn]] void end_panic() {
  machine::print_backtrace(log());
  log().line("---[ end Kernel panic ]---");
  machine::stop_after_panic();
}

}  // namespace

void panic(const char* format, ...) {
  begin_panic();
  const mm::Printer out = log();
  out.part("Kernel panic - not syncing: ");
  va_list args;
  va_start(args, format);
  out.vpart(format, args);
  va_end(args);
  out.text("\n");
  end_panic();
}

void panic(const char* where, const mm::Error& error) {
  begin_panic();
  log().part("Kernel panic - not syncing: ");
  log().error(where, error);
  end_panic();
}

}  // namespace kernel
