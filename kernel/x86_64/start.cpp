// From the entry point to kernel_main(): the CPU's tables, the first console, the handoff checked.
#include "cpu_local.h"
#include "kernel/arch.h"
#include "kernel/main.h"
#include "kernel/page_walk.h"
#include "kernel/panic.h"
#include "kernel/stack_guard.h"
#include "kernel/x86/clock.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/descriptors.h"
#include "kernel/x86/vector_runs.h"
#include "loader/acpi/fadt.h"

extern "C" [[noreturn]] void kernel_start(const loader::Handoff* handoff);

void kernel_start(const loader::Handoff* handoff) {
  using namespace kernel;  // NOLINT: one function, all about it
  x86::make_idt();
  x86::load_descriptors(0);
  choose_stack_guard();
  x86::start_clock();
  arch::open_console();
  x86::protect_supervisor();
  x86::enable_vectors();
  x86::local().found = x86::read_control();
  if (const mm::Result<> good = loader::check(*handoff); !good.ok()) {
    panic("handoff", good.error());
  }
  set_table_map(mm::DirectMap{handoff->direct_map});
  arch::prepare_end(*handoff, {});
  kernel_main(*handoff);
}
