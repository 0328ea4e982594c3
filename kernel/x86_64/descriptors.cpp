#include "kernel/x86/descriptors.h"

#include "cpu_local.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/local_apic.h"
#include "kernel/x86/machine_check.h"

extern "C" {
void load_segments();
extern char boot_stack[], boot_stack_end[];
extern char nmi_stack[], nmi_stack_end[];
extern char double_fault_stack[], double_fault_stack_end[];
extern char machine_check_stack[], machine_check_stack_end[];
extern char page_fault_stack[], page_fault_stack_end[];
extern char exception_stubs[], timer_stub[], call_stub[], machine_check_stub[], due_stub[];
extern char spurious_stub[], interrupt_stub[];
}

namespace kernel::x86 {
namespace {

struct Gate {
  uint16_t offset_low = 0;
  uint16_t selector = 0;
  uint8_t ist = 0;
  uint8_t type = 0;
  uint16_t offset_middle = 0;
  uint32_t offset_high = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(Gate) == 16);

struct __attribute__((packed)) TableRegister {
  uint16_t limit;
  uint64_t base;
};

constexpr uint8_t kInterruptGate = 0x8e;  // present, ring 0, interrupts off inside
constexpr uint64_t kFlatCode = 0x00af9b000000ffff;
constexpr uint64_t kFlatData = 0x00cf93000000ffff;
constexpr uint64_t kAvailableTss = 0x89;
constexpr size_t kStubSize = 16;

constinit std::array<Gate, 256> idt;

uint64_t address(const void* p) { return reinterpret_cast<uint64_t>(p); }

Gate gate(uint64_t handler, uint8_t ist) {
  Gate g;
  g.offset_low = static_cast<uint16_t>(handler);
  g.selector = kCodeSelector;
  g.ist = ist;
  g.type = kInterruptGate;
  g.offset_middle = static_cast<uint16_t>(handler >> 16);
  g.offset_high = static_cast<uint32_t>(handler >> 32);
  return g;
}

// On which of the TSS's stacks a vector runs; 0: the one in use.
uint8_t ist_of(size_t vector) {
  switch (vector) {
    case 2:
      return kNmi;
    case 8:
      return kDoubleFault;
    case 18:
      return kMachineCheck;
    case 14:
      return kPageFault;
    default:
      return 0;
  }
}

uint64_t handler_of(size_t vector) {
  if (vector < 32) return address(exception_stubs) + vector * kStubSize;
  if (vector == kTimerVector) return address(timer_stub);
  if (vector == kCallVector) return address(call_stub);
  if (vector == kMachineCheckVector) return address(machine_check_stub);
  if (vector == arch::kDueVector) return address(due_stub);
  if (vector == kSpuriousVector) return address(spurious_stub);
  return address(interrupt_stub);
}

}  // namespace

uint64_t read_efer() { return rdmsr(kMsrEfer); }

Stack boot_stack_of(StackKind kind) {
  const std::array<std::array<const void*, 2>, kStackKinds> all{
      {{boot_stack, boot_stack_end},
       {nmi_stack, nmi_stack_end},
       {double_fault_stack, double_fault_stack_end},
       {machine_check_stack, machine_check_stack_end},
       {page_fault_stack, page_fault_stack_end}}};
  return {kind == kMain ? "boot" : kStackPlaces[kind].name, address(all[kind][0]),
          address(all[kind][1])};
}

void make_idt() {
  for (size_t vector = 0; vector < idt.size(); ++vector) {
    idt[vector] = gate(handler_of(vector), ist_of(vector));
  }
}

void load_descriptors(unsigned cpu) {
  Local& local = local_of(cpu);
  local.self = &local;
  local.number = cpu;
  for (uint8_t kind = kNmi; kind < kStackKinds; ++kind) {
    local.tss.ist[kind - 1] = stack_of(cpu, StackKind{kind}).end;
  }
  const uint64_t base = address(&local.tss);
  local.gdt = {
      0, kFlatCode, kFlatData,
      (sizeof(Tss) - 1) | (base & 0xffffff) << 16 | kAvailableTss << 40 | (base >> 24 & 0xff) << 56,
      base >> 32};

  const TableRegister gdtr{sizeof local.gdt - 1, address(local.gdt.data())};
  const TableRegister idtr{sizeof idt - 1, address(idt.data())};
  asm volatile("lgdt %0" : : "m"(gdtr));
  load_segments();
  wrmsr(kMsrGsBase, address(&local));
  asm volatile("ltr %w0" : : "r"(kTssSelector));
  asm volatile("lidt %0" : : "m"(idtr));
}

}  // namespace kernel::x86
