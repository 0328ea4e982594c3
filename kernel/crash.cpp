#include "kernel/crash.h"

#include <array>
#include <cstdint>

#include "kernel/console.h"
#include "kernel/nearest.h"
#include "kernel/panic.h"

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

}  // namespace

void crash(std::string_view how) {
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

}  // namespace kernel
