// What each CPU has to itself: its descriptor tables, its stacks, and the page that says which it
// is.
//
// The boot CPU's lie in the kernel's image. The others' are mapped in a window of their own, an
// area of 128 KiB each, with memory of their node; below each stack lies a page that is not mapped:
//     guard, stack | guard, NMI | guard, double fault | guard, machine check | guard, page fault |
//     guard, local page
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "kernel/arch.h"
#include "kernel/backtrace.h"
#include "kernel/x86/control.h"
#include "kernel/x86/machine_check.h"
#include "mm/types.h"
#include "registers.h"

namespace kernel::x86 {

// Task state segment (Intel SDM vol. 3A, section 8.7): the stacks that exceptions run on.
// Its words are not aligned, as those of a std::array would have to be.
struct __attribute__((packed)) Tss {
  uint32_t reserved0 = 0;
  uint64_t rsp[3]{};
  uint64_t reserved1 = 0;
  uint64_t ist[7]{};
  uint64_t reserved2 = 0;
  uint16_t reserved3 = 0;
  uint16_t io_map = 104;  // beyond the limit: no I/O map
};
static_assert(sizeof(Tss) == 104);

struct Local : arch::LocalHead {
  ExceptionCounts counts;
  NotedChecks checks;
  alignas(128) Tss tss{};  // in one page, as the CPU wants it
  alignas(16) std::array<uint64_t, 5> gdt{};
  ControlState found;  // before this CPU was made like the boot CPU
};
static_assert(sizeof(Local) <= mm::kPageSize);

// Of the CPU that runs this.
[[nodiscard]] inline Local& local() {
  arch::LocalHead* head;
  asm("movq %%gs:%c1, %0" : "=r"(head) : "i"(__builtin_offsetof(arch::LocalHead, self)));
  return *static_cast<Local*>(head);
}

enum StackKind : uint8_t { kMain, kNmi, kDoubleFault, kMachineCheck, kPageFault, kStackKinds };
// In an area, in pages: where a stack begins, and its length. Entry code knows the first's end.
struct StackPlace {
  const char* name;
  uint64_t first, pages;
};
inline constexpr std::array<StackPlace, kStackKinds> kStackPlaces{{{"main", 1, 8},
                                                                   {"NMI", 10, 4},
                                                                   {"double fault", 15, 4},
                                                                   {"machine check", 20, 4},
                                                                   {"page fault", 25, 4}}};
inline constexpr uint64_t kLocalPage = 30;
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

// Where the window is; start code knows it too (entry.S).
inline constexpr uint64_t kAreaBase = 0xffff'ffff'c000'0000, kAreaSize = 0x2'0000;
inline constexpr unsigned kMostAreas = 4096;

}  // namespace kernel::x86
