// From the entry point to kernel_main(): the CPU's tables, the first console, the handoff checked.
#include "cpu_local.h"
#include "kernel/arch.h"
#include "kernel/ia32/page_forms.h"
#include "kernel/main.h"
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
  x86::local_of(0).found = x86::read_control();  // local() may be asked too early: it is no call
  if (const mm::Result<> good = loader::check(*handoff); !good.ok()) {
    panic("handoff", good.error());
  }
  set_table_map(mm::DirectMap{static_cast<uintptr_t>(handoff->direct_map)});
  ia32::open_windows(mm::Phys{handoff->runtime_root});
  arch::prepare_end(*handoff, {});
  kernel_main(*handoff);
}
