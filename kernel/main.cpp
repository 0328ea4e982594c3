#include "kernel/main.h"

#include "kernel/acpi.h"
#include "kernel/acpi_fadt.h"
#include "kernel/console.h"
#include "kernel/machine.h"
#include "kernel/options.h"
#include "kernel/panic.h"
#include "version.h"

namespace kernel {
namespace {

constinit AcpiTables acpi_tables;

void print_banner(const loader::Handoff& handoff) {
  log().line("Baton version %s (%s), loaded by %s %s (%s)", BATON_VERSION, BATON_BUILD_ID,
             handoff.loader_name, handoff.loader_version, handoff.loader_build);
}

}  // namespace

void kernel_main(const loader::Handoff& handoff) {
  print_banner(handoff);
  machine::start_clock(log());
  machine::print_cpu(log());
  panic("nothing more is built yet");
}

}  // namespace kernel
