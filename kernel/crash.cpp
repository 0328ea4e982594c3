#include "kernel/crash.h"

#include <array>
#include <climits>
#include <cstdint>

#include "kernel/arch.h"
#include "kernel/console.h"
#include "kernel/frames.h"
#include "kernel/highmem.h"
#include "kernel/nearest.h"
#include "kernel/panic.h"
#include "kernel/smp/cpus.h"
#include "mm/size_text.h"

namespace kernel {
namespace {

// Nothing is mapped in the lower half above what RAM there can be.
constexpr auto kNowhere = static_cast<uintptr_t>(uint64_t{0x7fff'0000'1000});

constexpr uint64_t kSmashed = 64;  // bytes, or where one is

uint64_t read(uintptr_t address) { return *reinterpret_cast<const volatile uint64_t*>(address); }

// Each call takes half a KiB of stack that cannot be optimised away.
[[gnu::noinline]] uint64_t deeper(size_t depth) {
  std::array<volatile uint64_t, 64> frame;
  frame[depth % frame.size()] = depth;
  if (depth == ~size_t{0}) return 0;
  return deeper(depth + 1) + frame[depth % frame.size()];
}

int sum(int a, int b) {
  const volatile int one = a, other = b;
  return one + other;
}

// As much as reaches over what lies behind the array.
[[gnu::noinline]] void smash(size_t bytes) {
  std::array<volatile char, 16> room;
  volatile char* const at = room.data();
  for (size_t i = 0; i < bytes; ++i) at[i] = 'x';
}

void crash_here(std::string_view how) {
  if (how.empty()) panic("asked for by the option panic");
  if (how == "fault") log().line("read {:#x}", read(kNowhere));
  if (how == "stack") log().line("came back with {:#x}", deeper(0));
  if (how == "ud") __builtin_trap();
  if (how == "ub") return log().line("came back with {}", sum(INT_MAX, 1));
  if (how == "smash")
    return smash(static_cast<size_t>(read(reinterpret_cast<uintptr_t>(&kSmashed))));
  Nearest nearest(how);
  for (const std::string_view known : {"fault", "stack", "ud", "ub", "smash", "free"})
    nearest.offer(known);
  log().part("panic={}: none of fault, stack, ud, ub, smash, free", how);
  nearest.print(log());
  log().text("\n");
}

// The newest page of a CPU's list is the next that it gets.
void write_after_free(Booted& machine) {
  const mm::PagesOr page = take_frames(machine, mm::kGfpKernel, 0);
  if (!page) return log().error("panic=free", page.error());
  auto* const words = arch::reach<volatile uint64_t>(machine.relay.map(), mm::phys(page.value()));
  (void)give_frames(machine, page.value(), 0);
  words[kSmashed / 8] = ~uint64_t{0};
  const mm::PagesOr again = take_frames(machine, mm::kGfpKernel, 0);
  log().line("panic=free: page {:#x} was written to after it was freed; page {:#x} is the next",
             mm::phys(page.value()).v, again ? mm::phys(again.value()).v : 0);
  if (again) (void)give_frames(machine, again.value(), 0);
}

void crash_task(void* how) { crash_here(*static_cast<const std::string_view*>(how)); }

}  // namespace

void crash(Booted& machine, std::string_view how) {
  console().flush();
  if (how == "free") return write_after_free(machine);
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
