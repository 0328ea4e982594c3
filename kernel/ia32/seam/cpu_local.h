// What each CPU has to itself: its descriptor tables, its stacks, and the page that says which it
// is.
//
// The boot CPU's lie in the kernel's image. The others' are mapped in a window of their own, an
// area of 64 KiB each, with memory of their node; below each stack lies a page that is not mapped:
//     guard, stack | guard, double fault | guard, local page
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "kernel/arch.h"
#include "kernel/backtrace.h"
#include "kernel/ia32/space.h"
#include "kernel/x86/control.h"
#include "kernel/x86/machine_check.h"
#include "mm/types.h"
#include "registers.h"

namespace kernel::x86 {

// Task state segment (Intel SDM vol. 3A, section 8.2.1).
struct Tss {
  uint32_t back = 0;
  std::array<uint32_t, 6> rings{};
  uint32_t cr3 = 0, eip = 0, eflags = 0;
  uint32_t eax = 0, ecx = 0, edx = 0, ebx = 0, esp = 0, ebp = 0, esi = 0, edi = 0;
  uint32_t es = 0, cs = 0, ss = 0, ds = 0, fs = 0, gs = 0, ldt = 0;
  uint16_t trap = 0, io_map = 104;  // beyond the limit: no I/O map
};
static_assert(sizeof(Tss) == 104);

struct Local : arch::LocalHead {
  ExceptionCounts counts;
  NotedChecks checks;
  // In one page, as the CPU wants it: what runs, and what begins when a stack is no good.
  alignas(128) Tss tss{};
  alignas(128) Tss double_fault{};
  alignas(16) std::array<uint64_t, 6> gdt{};
  ControlState found;  // before this CPU was made like the boot CPU
};
static_assert(sizeof(Local) <= mm::kPageSize);

// Of the CPU that runs this.
[[nodiscard]] inline Local& local() {
  arch::LocalHead* head;
  asm("movl %%fs:%c1, %0" : "=r"(head) : "i"(__builtin_offsetof(arch::LocalHead, self)));
  return *static_cast<Local*>(head);
}

enum StackKind : uint8_t { kMain, kDoubleFault, kStackKinds };
// In an area, in pages: where a stack begins, and its length. Entry code knows the first's end.
struct StackPlace {
  const char* name;
  uint64_t first, pages;
};
inline constexpr std::array<StackPlace, kStackKinds> kStackPlaces{
    {{"main", 1, 8}, {"double fault", 10, 4}}};
inline constexpr uint64_t kLocalPage = 15;
// The boot CPU's, in the kernel's image.
[[nodiscard]] Stack boot_stack_of(StackKind kind);

// A CPU's stack of a kind; the CPU's area must have been made.
[[nodiscard]] Stack stack_of(unsigned cpu, StackKind kind);
[[nodiscard]] Local& local_of(unsigned cpu);
// CPUs with an area: 0 to this - 1.
[[nodiscard]] unsigned areas();
// Makes the next CPU's area of frames of the node. On failure nothing is left behind.
mm::Result<> make_area(unsigned cpu, mm::NodeId node, const arch::Frames& frames);
// The stack whose guard page has the address.
[[nodiscard]] std::optional<Stack> stack_guarded_by(uint64_t address);

// Where the window is; start code knows it too (trampoline.S).
inline constexpr uint64_t kAreaBase = ia32::kAreas.start, kAreaSize = 0x1'0000;
inline constexpr unsigned kMostAreas = ia32::kAreas.size / kAreaSize;

}  // namespace kernel::x86
