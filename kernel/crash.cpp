#include "kernel/crash.h"

#include <array>
#include <cstdint>

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/nearest.h"
#include "kernel/panic.h"
#include "kernel/smp/cpus.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

// Nothing is mapped in the lower half above what RAM there can be.
constexpr auto kNowhere = static_cast<uintptr_t>(uint64_t{0x7fff'0000'1000});

uint64_t read(uintptr_t address) { return *reinterpret_cast<const volatile uint64_t*>(address); }

// Each call takes half a KiB of stack that cannot be optimised away.
[[gnu::noinline]] uint64_t deeper(size_t depth) {
  std::array<volatile uint64_t, 64> frame;
  frame[depth % frame.size()] = depth;
  if (depth == ~size_t{0}) return 0;
  return deeper(depth + 1) + frame[depth % frame.size()];
}

void crash_here(std::string_view how) {
  if (how.empty()) panic("asked for by the option panic");
  if (how == "fault") log().line("read {:#x}", read(kNowhere));
  if (how == "stack") log().line("came back with {:#x}", deeper(0));
  if (how == "ud") __builtin_trap();
  Nearest nearest(how);
  for (const std::string_view known : {"fault", "stack", "ud"}) nearest.offer(known);
  log().part("panic={}: none of fault, stack, ud", how);
  nearest.print(log());
  log().text("\n");
}

void crash_task(void* how) { crash_here(*static_cast<const std::string_view*>(how)); }

}  // namespace

void crash(std::string_view how) {
  console().flush();
  const size_t at = how.find('@');
  if (at == std::string_view::npos) return crash_here(how);
  std::string_view kind = how.substr(0, at), where = how.substr(at + 1);
  if (where == "all") return run_everywhere(crash_task, &kind);
  const auto cpu = mm::take_number(where, "panic");
  if (!cpu.ok() || !where.empty() || !cpus().is_online(static_cast<unsigned>(cpu.value()))) {
    return log().line("panic={}: no CPU that is online", how);
  }
  if (cpu.value() == arch::this_cpu()) return crash_here(kind);
  start_task(static_cast<unsigned>(cpu.value()), crash_task, &kind);
  wait_for_task(static_cast<unsigned>(cpu.value()));
}

}  // namespace kernel
