#include "kernel/stack_guard.h"

#include <cstdint>

#include "kernel/arch.h"
#include "kernel/backtrace.h"
#include "kernel/panic.h"

// What the compiler's code reads and calls. NOLINTBEGIN(readability-identifier-naming)
extern "C" {
extern uintptr_t __stack_chk_guard;
constinit uintptr_t __stack_chk_guard = static_cast<uintptr_t>(0x5be0cd191f83d900);
[[noreturn]] void __stack_chk_fail();
}

namespace kernel {
namespace {

void report(const void* facts, const mm::Printer& out) {
  out.part("Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: ");
  print_code_address(out, *static_cast<const uintptr_t*>(facts), Code::Return);
  out.text("\n");
  arch::print_backtrace(out);
  print_end(out);
}

}  // namespace

// The lowest byte stays 0, which ends a string that runs over (Linux's CANARY_MASK).
// While it runs the word changes that it would be looked at with.
[[gnu::no_stack_protector]] void choose_stack_guard() {
  const auto word = static_cast<uintptr_t>(arch::unpredictable());
  __stack_chk_guard = word & ~uintptr_t{0xff};
}

}  // namespace kernel

void __stack_chk_fail() {
  const auto from = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  kernel::last_words({"kernel stack is corrupted", from}, kernel::report, &from);
}
// NOLINTEND(readability-identifier-naming)
